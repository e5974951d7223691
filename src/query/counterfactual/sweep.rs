//! The first place where a track changes sides with place `k`, going away from the present weight.
//!
//! An interval of factors is looked at with the rivals that are undecided in it. Where these cannot make the difference it
//! is done with; where they are many it is halved, the nearer half first; where they are few, every place where one of
//! them may change sides is computed, and the number of those before the track is swept over these places. The scores
//! themselves have the last word: what the sweep proposes is counted by them.

use std::cell::Cell;

use crate::feature::MAX_WEIGHT;
use crate::track::ItemIdx;

use super::rival::{Line, Side, side_at, side_over, turns};
use super::short::short;

/// As many undecided rivals are swept at once.
const MAX_SWEPT: usize = 2_048;
/// Intervals narrower than this are not halved any more: weights in f32 are hardly closer.
const NARROWEST: f64 = 1e-7;
/// Scores that may be computed for one feature where the bounds leave open whether there is anything to be found.
const SCORES: usize = 2_000_000;
/// How exactly the threshold is found, of the change.
const PRECISION: f64 = 1e-9;

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

/// What a sweep found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// The factor from which on it is on the other side.
    pub threshold: f64,
    /// A weight with few digits just beyond.
    pub to: f64,
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
    /// Scores left of those that may be computed.
    pub scores_left: Cell<usize>,
}

impl<'a> Sweep<'a> {
    pub fn new(
        weight: f64,
        k: usize,
        is_in: bool,
        [track, query]: [Line; 2],
        count: &'a dyn Fn(f64, &[Rival]) -> Option<usize>,
    ) -> Self {
        Self { weight, k, is_in, track, query, count, scores_left: Cell::new(SCORES) }
    }

    /// The change of the weight nearest to the present one after which the track is on the other side.
    pub fn first(&self, field: Field<'_>) -> Option<Change> {
        let [near, far] = field.ends;
        let mut n_before = field.n_before;
        let mut undecided = Vec::new();
        let side = self.sides(field.ends);
        for rival in field.rivals {
            match side(&rival.line) {
                Side::Before => n_before += 1,
                Side::Behind => {}
                Side::Undecided => undecided.push(*rival),
            }
        }
        if !self.is_open(n_before, undecided.len()) {
            return None;
        }
        let part = |ends| Field { ends, n_before, rivals: &undecided };
        if undecided.len() > MAX_SWEPT && (far - near).abs() > NARROWEST {
            // Ratios of weights matter, not differences.
            let middle = if far > near { (near * far).sqrt() } else { 0.5 * (near + far) };
            return self.first(part([near, middle])).or_else(|| self.first(part([middle, far])));
        }
        self.sweep(part(field.ends))
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

    fn sweep(&self, field: Field<'_>) -> Option<Change> {
        let [near, far] = field.ends;
        // 0 stands for the near end, 1 for the far one.
        let factor = |v: f64| if v == 1.0 { far } else { near + v * (far - near) };
        let mut missed = near;
        for (from, to, [fewest, most]) in self.counts(field) {
            if !self.is_changed(fewest) && !self.is_changed(most) {
                missed = factor(to);
                continue;
            }
            let is_sure = self.is_changed(fewest) && self.is_changed(most);
            let inside = 1e-6 * (to - from);
            let last = if to == 1.0 { to } else { to - inside };
            for v in [from + inside, 0.5 * (from + to), last] {
                if !is_sure && self.scores_left.get() < field.rivals.len() {
                    break;
                }
                let at = factor(v);
                if self.changes(self.weight * at, field) {
                    return Some(self.refined(missed, at, field));
                }
                missed = at;
            }
        }
        None
    }

    /// Intervals between neighbouring places where a rival may change sides, with the fewest and the most tracks that are
    /// before this one within.
    fn counts(&self, field: Field<'_>) -> Vec<(f64, f64, [usize; 2])> {
        let [near, far] = field.ends;
        let ends = [near - 1.0, far - 1.0];
        let track = self.track.over(ends);
        let query = ends.map(|u| self.query.at(u).1);
        let mut count = [field.n_before as i64; 2];
        let mut events: Vec<(f64, [i64; 2])> = Vec::new();
        let mut places = Vec::new();
        for rival in field.rivals {
            places.clear();
            turns(&rival.line.over(ends), &track, query, &mut places);
            let mut known: Option<[i64; 2]> = None;
            for index in 0..=places.len() {
                let from = if index == 0 { 0.0 } else { places[index - 1] };
                let to = places.get(index).copied().unwrap_or(1.0);
                let u = ends[0] + 0.5 * (from + to) * (ends[1] - ends[0]);
                let now = side_at(&rival.line, &self.track, self.query.at(u).1, u).bounds();
                match known {
                    None => count = [count[0] + now[0], count[1] + now[1]],
                    Some(before) if before != now => {
                        events.push((from, [now[0] - before[0], now[1] - before[1]]));
                    }
                    Some(_) => {}
                }
                known = Some(now);
            }
        }
        events.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut intervals = Vec::with_capacity(events.len() + 1);
        let mut from = 0.0;
        for (at, change) in events.into_iter().chain([(1.0, [0, 0])]) {
            if at > from {
                intervals.push((from, at, count.map(|n| n.max(0) as usize)));
                from = at;
            }
            count = [count[0] + change[0], count[1] + change[1]];
        }
        intervals
    }

    /// Whether it is on the other side under weight `to`, by the scores.
    fn changes(&self, to: f64, field: Field<'_>) -> bool {
        self.scores_left.set(self.scores_left.get().saturating_sub(field.rivals.len()));
        (self.count)(to, field.rivals).is_some_and(|n| self.is_changed(field.n_before + n))
    }

    /// `missed` is a factor at which it is where it was, `found` one at which it is not.
    fn refined(&self, mut missed: f64, mut found: f64, field: Field<'_>) -> Change {
        while (found - missed).abs() > PRECISION * (found - 1.0).abs() {
            let middle = 0.5 * (missed + found);
            if middle == missed || middle == found {
                break;
            }
            if self.changes(self.weight * middle, field) { found = middle } else { missed = middle }
        }
        let last = (self.weight * field.ends[1]).min(MAX_WEIGHT);
        let to = short(self.weight, self.weight * found, last, |to| self.changes(to, field));
        Change { threshold: found, to }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            let sweep = Sweep::new(1.0, k, is_in, [track, line(query, query)], &count);
            for far in [0.0, 10.0] {
                let found = sweep.first(Field { ends: [1.0, far], n_before: 0, rivals: &rivals });
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
}
