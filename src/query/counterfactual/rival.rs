//! One track beside another while one weight changes.
//!
//! With `f` the factor by which the weight of the feature is multiplied and `u = f - 1`, numerator and squared norm of a
//! track's score are linear in `u`, and so is the query's squared norm `m`:
//!
//! ```text
//! s = p / sqrt(n m)    p = p_0 + u b    n = n_0 + u x    m = m_0 + u q
//! ```
//!
//! Track y is before track x where its signed square `sign(s) s^2` is larger. Where no numerator changes its sign, the
//! difference times `n_x n_y m` is a cubic in `u`, whose Bernstein coefficients bound it over an interval.
//!
//! Scores that are returned are rounded to f32, after weights that were. A weight is off by at most `2^-24` of itself, so
//! by Cauchy-Schwarz each score by less than `1.2e-7`, and rounding the score adds `6e-8`: two scores that are further
//! apart than `3.6e-7` are in the order of their true values. Their signed squares are then at most twice that apart for
//! all it takes; [`MARGIN`] is above it. What is closer is *undecided* until the scores themselves are compared.

use super::cubic::Cubic;

/// Signed squares of scores that are further apart tell the order of the scores as they are returned.
pub const MARGIN: f64 = 1.5e-6;

/// A track as the weight changes; the query too, as a track that is compared with itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Numerator of the score at the present weight, and what it gains while `u` grows by 1.
    pub product: [f64; 2],
    /// The same of the squared norm.
    pub norm: [f64; 2],
}

impl Line {
    /// Numerator and squared norm at `u`.
    pub fn at(&self, u: f64) -> (f64, f64) {
        (self.product[0] + u * self.product[1], (self.norm[0] + u * self.norm[1]).max(0.0))
    }

    /// What it is over an interval from `near` to `far`.
    #[inline(always)]
    pub fn over(&self, [near, far]: [f64; 2]) -> Span {
        let ((p0, n0), (p1, n1)) = (self.at(near), self.at(far));
        // Squares are signed; of a numerator that changes its sign they are between minus and plus the square.
        let low = if p0 >= 0.0 && p1 >= 0.0 { 1.0 } else { -1.0 };
        let high = if p0 <= 0.0 && p1 <= 0.0 { -1.0 } else { 1.0 };
        Span { product: [p0, p1], norm: [n0, n1], low, high }
    }
}

/// A [`Line`] over an interval.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    product: [f64; 2],
    norm: [f64; 2],
    low: f64,
    high: f64,
}

/// Where a rival stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Before the track, by more than rounding.
    Before,
    /// Behind it, by more than rounding.
    Behind,
    /// Neither for sure.
    Undecided,
}

/// Where `rival` stands beside `track` all over an interval, if that can be told at once; `query` is the query's norm.
#[inline(always)]
pub fn side_over(rival: &Span, track: &Span, query: [f64; 2]) -> Side {
    let of_rival = Cubic::product(rival.product, rival.product, track.norm);
    let of_track = Cubic::product(track.product, track.product, rival.norm);
    let norms = Cubic::product(rival.norm, track.norm, query);
    let least = scaled(rival.low, of_rival).plus(-track.high, of_track).plus(-MARGIN, norms).min();
    let most = scaled(rival.high, of_rival).plus(-track.low, of_track).plus(MARGIN, norms).max();
    if least > 0.0 {
        Side::Before
    } else if most < 0.0 {
        Side::Behind
    } else {
        Side::Undecided
    }
}

#[inline(always)]
fn scaled(sign: f64, cubic: Cubic) -> Cubic {
    Cubic(cubic.0.map(|c| sign * c))
}

/// Where `rival` stands beside `track` at `u`; `query` is the query's squared norm there.
pub fn side_at(rival: &Line, track: &Line, query: f64, u: f64) -> Side {
    let signed_square = |line: &Line| {
        let (product, norm) = line.at(u);
        if norm > 0.0 { product * product.abs() / norm } else { 0.0 }
    };
    let ahead = signed_square(rival) - signed_square(track);
    if ahead > MARGIN * query {
        Side::Before
    } else if ahead < -MARGIN * query {
        Side::Behind
    } else {
        Side::Undecided
    }
}

/// Appends every place in (0, 1), 0 standing for the near end of the interval and 1 for the far one, where
/// [`side_at`] may become another.
pub fn turns(rival: &Span, track: &Span, query: [f64; 2], out: &mut Vec<f64>) {
    for [near, far] in [rival.product, track.product] {
        if (near < 0.0) != (far < 0.0) {
            out.push(near / (near - far));
        }
    }
    let of_rival = Cubic::product(rival.product, rival.product, track.norm);
    let of_track = Cubic::product(track.product, track.product, rival.norm);
    let norms = Cubic::product(rival.norm, track.norm, query);
    let mut signs =
        [(rival.low, track.low), (rival.low, track.high), (rival.high, track.low), (rival.high, track.high)];
    signs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    for (index, (of, from)) in signs.iter().enumerate() {
        if index > 0 && signs[index - 1] == (*of, *from) {
            continue;
        }
        let ahead = scaled(*of, of_rival).plus(-from, of_track);
        ahead.plus(-MARGIN, norms).sign_changes(out);
        ahead.plus(MARGIN, norms).sign_changes(out);
    }
    out.sort_unstable_by(f64::total_cmp);
}
