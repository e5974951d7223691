//! The first place where a track changes sides with place `k`, going away from the present weight.
//!
//! An interval of factors is looked at with the rivals that are undecided in it. Where these cannot make the difference it
//! is done with; where they are many and fewer of them are undecided over a part of it, it is halved, the nearer half
//! first; else every place where one of them may change sides is computed, and the number of those before the track is
//! swept over these places. The scores themselves have the last word: what the sweep proposes is counted by them.
//!
//! All of it is paid for from a budget. Where that does not suffice, or rounding alone decides over a wide range of
//! weights, the search goes on, but is not certain any more to find the nearest change, or one at all.

use crate::feature::MAX_WEIGHT;
use crate::track::ItemIdx;

use super::budget::{Budget, Work};
use super::rival::{Line, Side, side_at, side_over, turns};
use super::short::short;

/// As many undecided rivals are swept without trying to have fewer.
const MAX_SWEPT: usize = 2_048;
/// Intervals narrower than this are not halved any more: weights in f32 are hardly closer.
const NARROWEST: f64 = 1e-7;
/// The part of an interval whose bounds tell whether halving helps.
const PROBE: f64 = 0.125;
/// How exactly the threshold is found, of the change.
const PRECISION: f64 = 1e-9;
/// Where rounding decides, scores are tried in steps of this factor, and a range no wider is done with afterwards.
const STEP: f64 = 1e-2;
/// As many scores cost what it takes to compile a query with another weight.
const COMPILED: usize = 16;
/// As many places of such a range are tried at most.
const MAX_TRIED: usize = 32;

/// Another candidate.
#[derive(Clone, Copy, Debug)]
pub struct Rival {
    pub item: ItemIdx,
    pub line: Line,
}

/// Candidates over an interval.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Factors of the weight: the end that is nearer to 1, and the other.
    pub ends: [f64; 2],
    /// How many are before the track all over the interval.
    pub n_before: usize,
    /// Those that may change sides in it.
    pub rivals: &'a [Rival],
}

/// A change of the weight after which the track is on the other side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// The factor from which on it is on the other side.
    pub threshold: f64,
    /// A weight with few digits just beyond.
    pub to: f64,
}

/// What a search found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    pub change: Option<Change>,
    /// Whether there is no nearer change, or none at all where none was found.
    pub is_certain: bool,
}

impl Found {
    /// There is no change.
    pub const NONE: Self = Self { change: None, is_certain: true };
    /// The budget did not suffice to find any.
    const UNKNOWN: Self = Self { change: None, is_certain: false };
}

/// One track and one weight.
pub struct Sweep<'a> {
    /// The weight as it is.
    pub weight: f64,
    /// The place in question.
    pub k: usize,
    /// Whether the track is among the best `k` now.
    pub is_in: bool,
    pub track: Line,
    /// The query's squared norm, as [`Line::norm`].
    pub query: Line,
    /// How many of some rivals are before the track by their scores under this weight; `None` where no query can have it.
    pub count: &'a dyn Fn(f64, &[Rival]) -> Option<usize>,
    pub budget: &'a Budget<'a>,
    /// As many undecided rivals are swept without trying to have fewer.
    max_swept: usize,
}

impl<'a> Sweep<'a> {
    pub fn new(
        weight: f64,
        k: usize,
        is_in: bool,
        [track, query]: [Line; 2],
        count: &'a dyn Fn(f64, &[Rival]) -> Option<usize>,
        budget: &'a Budget<'a>,
    ) -> Self {
        Self { weight, k, is_in, track, query, count, budget, max_swept: MAX_SWEPT }
    }

    /// The change of the weight nearest to the present one after which the track is on the other side.
    pub fn first(&self, field: Field<'_>) -> Found {
        let Some((n_before, undecided)) = self.narrowed(field, field.ends) else { return Found::UNKNOWN };
        if !self.is_open(n_before, undecided.len()) {
            return Found::NONE;
        }
        let [near, far] = field.ends;
        let part = |ends| Field { ends, n_before, rivals: &undecided };
        if undecided.len() > self.max_swept && (far - near).abs() > NARROWEST {
            let whole = part(field.ends);
            match self.halving_helps(whole) {
                None => return Found::UNKNOWN,
                Some(false) => return self.sweep(whole),
                Some(true) => {}
            }
            // Ratios of weights matter, not differences.
            let middle = if far > near { (near * far).sqrt() } else { 0.5 * (near + far) };
            let nearer = self.first(part([near, middle]));
            if nearer.change.is_some() {
                return nearer;
            }
            let farther = self.first(part([middle, far]));
            return Found { is_certain: nearer.is_certain && farther.is_certain, ..farther };
        }
        self.sweep(part(field.ends))
    }

    /// Whether fewer rivals are undecided over a part of the interval; `None` without budget. Near ties stay undecided however
    /// narrow the interval is: then halving it again and again would only look at all of them again and again.
    fn halving_helps(&self, field: Field<'_>) -> Option<bool> {
        let [near, far] = field.ends;
        let (_, undecided) = self.narrowed(field, [near, near + PROBE * (far - near)])?;
        Some(undecided.len() <= field.rivals.len() / 2)
    }

    /// How many are before the track all over a part of the interval, and those that are undecided in it; `None` without
    /// budget.
    fn narrowed(&self, field: Field<'_>, ends: [f64; 2]) -> Option<(usize, Vec<Rival>)> {
        if !self.budget.pays(Work::Bound, field.rivals.len()) {
            return None;
        }
        let mut n_before = field.n_before;
        let mut undecided = Vec::new();
        let side = self.sides(ends);
        for rival in field.rivals {
            match side(&rival.line) {
                Side::Before => n_before += 1,
                Side::Behind => {}
                Side::Undecided => undecided.push(*rival),
            }
        }
        Some((n_before, undecided))
    }

    /// Tells where a rival stands all over an interval.
    pub fn sides(&self, [near, far]: [f64; 2]) -> impl Fn(&Line) -> Side {
        let ends = [near - 1.0, far - 1.0];
        let track = self.track.over(ends);
        let query = ends.map(|u| self.query.at(u).1);
        move |rival| side_over(&rival.over(ends), &track, query)
    }

    /// Whether it could change sides where so many are before it and so many may be.
    pub fn is_open(&self, n_before: usize, n_undecided: usize) -> bool {
        if self.is_in { n_before + n_undecided >= self.k } else { n_before < self.k }
    }

    fn is_changed(&self, n_before: usize) -> bool {
        (n_before >= self.k) == self.is_in
    }

    fn sweep(&self, field: Field<'_>) -> Found {
        let [near, far] = field.ends;
        // 0 stands for the near end, 1 for the far one.
        let factor = |v: f64| if v == 1.0 { far } else { near + v * (far - near) };
        let Some((mut standing, events)) = self.events(field) else { return Found::UNKNOWN };
        let (mut missed, mut is_certain) = (near, true);
        let mut from = 0.0;
        for event in events.iter().map(Some).chain([None]) {
            let to = event.map_or(1.0, |event| event.at);
            if to > from {
                let (n_before, undecided) = (standing.n_before, standing.undecided.len());
                let is_sure = self.is_changed(n_before) && self.is_changed(n_before + undecided);
                let is_open = is_sure || self.is_changed(n_before) || self.is_changed(n_before + undecided);
                if is_open {
                    let rivals: Vec<Rival> =
                        standing.undecided.iter().map(|place| field.rivals[*place as usize]).collect();
                    let here = Field { n_before, rivals: &rivals, ..field };
                    let width = (factor(to) - factor(from)).abs();
                    // By rounding alone it may be on the other side between the places that are tried.
                    let is_narrow = is_sure || width <= STEP;
                    for (n_missed, v) in tried(from, to, width).enumerate() {
                        let at = factor(v);
                        let Some(changes) = self.changes(self.weight * at, here) else {
                            is_certain = false;
                            break;
                        };
                        if changes {
                            let is_first = is_narrow || n_missed == 0;
                            return self.refined([missed, at], field, is_certain && is_first);
                        }
                        missed = at;
                    }
                    is_certain &= is_narrow;
                }
                if !is_open {
                    missed = factor(to);
                }
                from = to;
            }
            if let Some(event) = event {
                standing.apply(event);
            }
        }
        Found { change: None, is_certain }
    }

    /// Where the rivals stand at the near end, and all changes from there to the far one, in order; `None` without budget.
    fn events(&self, field: Field<'_>) -> Option<(Standing, Vec<Event>)> {
        if !self.budget.pays(Work::Turns, field.rivals.len()) {
            return None;
        }
        let [near, far] = field.ends;
        let ends = [near - 1.0, far - 1.0];
        let track = self.track.over(ends);
        let query = ends.map(|u| self.query.at(u).1);
        let mut standing = Standing::new(field);
        let mut events: Vec<Event> = Vec::new();
        let mut places = Vec::new();
        for (rival, Rival { line, .. }) in field.rivals.iter().enumerate() {
            let rival = rival as u32;
            places.clear();
            turns(&line.over(ends), &track, query, &mut places);
            let mut known = None;
            for index in 0..=places.len() {
                let from = if index == 0 { 0.0 } else { places[index - 1] };
                let to = places.get(index).copied().unwrap_or(1.0);
                let u = ends[0] + 0.5 * (from + to) * (ends[1] - ends[0]);
                let now = side_at(line, &self.track, self.query.at(u).1, u);
                match known {
                    None => standing.enter(rival, now),
                    Some(was) if was != now => events.push(Event { at: from, rival, was, now }),
                    Some(_) => {}
                }
                known = Some(now);
            }
        }
        // Equal places keep the order of the rivals, and of each rival's changes.
        events.sort_by(|a, b| a.at.total_cmp(&b.at));
        Some((standing, events))
    }

    /// Whether it is on the other side under weight `to`, by the scores; `None` without budget.
    fn changes(&self, to: f64, field: Field<'_>) -> Option<bool> {
        if !self.budget.pays(Work::Score, COMPILED + field.rivals.len()) {
            return None;
        }
        Some((self.count)(to, field.rivals).is_some_and(|n| self.is_changed(field.n_before + n)))
    }

    /// The first of two factors is one at which it is where it was, the other one at which it is not.
    fn refined(&self, [mut missed, mut found]: [f64; 2], field: Field<'_>, is_certain: bool) -> Found {
        let far = field.ends[1];
        let as_found = |threshold: f64| Found {
            change: Some(Change { threshold, to: self.weight * threshold }),
            is_certain: false,
        };
        // A short number may be a little beyond.
        let beyond = 1.0 + 1.03 * (found - 1.0);
        let beyond = if far > found { beyond.min(far) } else { beyond.max(far) };
        let ends = [missed, beyond];
        let Some((n_before, rivals)) = self.narrowed(field, ends) else { return as_found(found) };
        let near = Field { ends, n_before, rivals: &rivals };
        while (found - missed).abs() > PRECISION * (found - 1.0).abs() {
            let middle = 0.5 * (missed + found);
            if middle == missed || middle == found {
                break;
            }
            match self.changes(self.weight * middle, near) {
                Some(true) => found = middle,
                Some(false) => missed = middle,
                None => return as_found(found),
            }
        }
        let last = (self.weight * far).min(MAX_WEIGHT);
        let accepted = |to: f64| self.changes(to, near).unwrap_or(false);
        let to = short(self.weight, self.weight * found, last, accepted);
        Found { change: Some(Change { threshold: found, to }), is_certain }
    }
}

/// Places from `from` to `to`, ascending, at which scores are tried; `width` is what is between them in factors.
fn tried(from: f64, to: f64, width: f64) -> impl Iterator<Item = f64> {
    let inside = 1e-6 * (to - from);
    let last = if to == 1.0 { to } else { to - inside };
    let n_steps = ((width / STEP).ceil() as usize).clamp(2, MAX_TRIED);
    (0..=n_steps).map(move |step| match step {
        0 => from + inside,
        step if step == n_steps => last,
        step => from + (to - from) * step as f64 / n_steps as f64,
    })
}

/// A rival changes sides.
#[derive(Clone, Copy, Debug)]
struct Event {
    at: f64,
    /// Its place in the field.
    rival: u32,
    was: Side,
    now: Side,
}

/// Where the rivals of a field stand at one place of the interval.
struct Standing {
    n_before: usize,
    /// Places of the undecided ones in the field, in any order.
    undecided: Vec<u32>,
    /// Where in `undecided` each is that is there.
    places: Vec<u32>,
}

impl Standing {
    fn new(field: Field<'_>) -> Self {
        Self { n_before: field.n_before, undecided: Vec::new(), places: vec![0; field.rivals.len()] }
    }

    fn enter(&mut self, rival: u32, side: Side) {
        match side {
            Side::Before => self.n_before += 1,
            Side::Behind => {}
            Side::Undecided => {
                self.places[rival as usize] = self.undecided.len() as u32;
                self.undecided.push(rival);
            }
        }
    }

    fn apply(&mut self, event: &Event) {
        match event.was {
            Side::Before => self.n_before -= 1,
            Side::Behind => {}
            Side::Undecided => {
                let place = self.places[event.rival as usize] as usize;
                self.undecided.swap_remove(place);
                if let Some(moved) = self.undecided.get(place) {
                    self.places[*moved as usize] = place as u32;
                }
            }
        }
        self.enter(event.rival, event.now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::progress::CancelToken;

    const ANCHOR: f64 = 0.5;

    /// A vector of three beside a query, the weight of the first dimension 1 and about to change.
    fn line(query: [f64; 3], x: [f64; 3]) -> Line {
        let rest = |a: [f64; 3], b: [f64; 3]| ANCHOR + a[1] * b[1] + 0.5 * a[2] * b[2];
        let (product, norm) = (query[0] * x[0], x[0] * x[0]);
        Line { product: [rest(query, x) + product, product], norm: [rest(x, x) + norm, norm] }
    }

    fn score(line: &Line, u: f64) -> f64 {
        let (product, norm) = line.at(u);
        product / norm.sqrt()
    }

    fn vectors(n: usize) -> impl Strategy<Value = Vec<[f64; 3]>> {
        proptest::collection::vec(proptest::array::uniform3(-2.0..2.0_f64), n..=n)
    }

    proptest! {
        #[test]
        fn it_is_the_nearest_of_a_fine_grid(
            query in proptest::array::uniform3(-2.0..2.0_f64),
            vectors in vectors(40),
            k in 1..6_usize,
            max_swept in proptest::sample::select(vec![0, 5, 100]),
        ) {
            let track = line(query, vectors[0]);
            let rival = |(n, x): (usize, &[f64; 3])| Rival { item: ItemIdx(n as u32), line: line(query, *x) };
            let rivals: Vec<Rival> = vectors.iter().enumerate().skip(1).map(rival).collect();
            let n_before = |factor: f64, rivals: &[Rival]| {
                let own = score(&track, factor - 1.0);
                rivals.iter().filter(|rival| score(&rival.line, factor - 1.0) > own).count()
            };
            let count = |to: f64, rivals: &[Rival]| Some(n_before(to, rivals));
            let is_in = n_before(1.0, &rivals) < k;
            let cancel = CancelToken::new();
            let budget = Budget::new(1_000_000, &cancel);
            let mut sweep = Sweep::new(1.0, k, is_in, [track, line(query, query)], &count, &budget);
            // With fewer than there are rivals, intervals are halved.
            sweep.max_swept = max_swept;
            for far in [0.0, 10.0] {
                let found = sweep.first(Field { ends: [1.0, far], n_before: 0, rivals: &rivals }).change;
                let changed = |factor: f64| (n_before(factor, &rivals) < k) != is_in;
                let nearest = found.map_or(f64::INFINITY, |change| (change.threshold - 1.0).abs());
                if let Some(change) = found {
                    prop_assert!(changed(change.threshold) && changed(change.to), "{change:?}");
                    prop_assert!((change.to - 1.0).abs() >= nearest && (change.to - far).abs() <= (1.0 - far).abs());
                }
                for step in 0..=1_000 {
                    let factor = 1.0 + (far - 1.0) * f64::from(step) / 1_000.0;
                    let is_nearer = (factor - 1.0).abs() < nearest * (1.0 - 1e-6);
                    prop_assert!(!is_nearer || !changed(factor), "{factor} {found:?}");
                }
            }
        }
    }

    /// A track, the query, and rivals that differ from the track by less than rounding does.
    fn ties(n: usize) -> (Line, Line, Vec<Rival>) {
        let query = [1.0, 1.0, 0.5];
        let rival = |n: usize| Rival {
            item: ItemIdx(n as u32),
            line: line(query, [1.0 + 1e-9 * n as f64, 1.0, -0.5]),
        };
        (line(query, [1.0, 1.0, -0.5]), line(query, query), (1..=n).map(rival).collect())
    }

    #[test]
    fn near_ties_are_not_looked_at_again_and_again() {
        let (track, query, rivals) = ties(5_000);
        let cancel = CancelToken::new();
        let budget = Budget::new(u64::MAX, &cancel);
        let count = |_: f64, rivals: &[Rival]| Some(rivals.len());
        for far in [0.0, 10.0] {
            let before = budget.left();
            // All are before it by their scores.
            let sweep = Sweep::new(1.0, 2_000, false, [track, query], &count, &budget);
            let found = sweep.first(Field { ends: [1.0, far], n_before: 0, rivals: &rivals });
            assert_eq!(found, Found::UNKNOWN, "only scores say so, and they were not tried everywhere");
            let used = before - budget.left();
            assert!(used < 200 * rivals.len() as u64, "{used} steps");
            let sweep = Sweep::new(1.0, 10, true, [track, query], &count, &budget);
            let found = sweep.first(Field { ends: [1.0, far], n_before: 0, rivals: &rivals });
            assert!(found.change.is_some_and(|change| (change.threshold - 1.0).abs() < 1e-3), "{found:?}");
        }
    }

    #[test]
    fn without_budget_nothing_is_certain() {
        let (track, query, rivals) = ties(100);
        let cancel = CancelToken::new();
        let field = Field { ends: [1.0, 10.0], n_before: 0, rivals: &rivals };
        let count = |_: f64, _: &[Rival]| Some(0);
        let find = |steps, k| {
            let budget = Budget::new(steps, &cancel);
            Sweep::new(1.0, k, true, [track, query], &count, &budget).first(field)
        };
        for steps in [0, 100, 99 + 24 * 100, 200 + 24 * 100] {
            assert_eq!(find(steps, 10), Found::UNKNOWN, "{steps}");
        }
        assert_eq!(find(100, 101), Found::NONE, "the bounds suffice");
        cancel.cancel();
        assert_eq!(find(u64::MAX, 10), Found::UNKNOWN);
    }
}
