//! Cubic polynomials on [0, 1] in Bernstein form.

/// `sum_i c_i binomial(3, i) v^i (1 - v)^(3 - i)`. On [0, 1] its values lie between the smallest and the largest `c_i`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cubic(pub [f64; 4]);

/// Halvings of [0, 1] after which neighbouring floats are reached, nearly.
const HALVINGS: usize = 48;

impl Cubic {
    /// The product of three linear functions, each given by its values at 0 and at 1.
    #[inline(always)]
    pub fn product(a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> Self {
        Self([
            a[0] * b[0] * c[0],
            (a[0] * b[0] * c[1] + a[0] * b[1] * c[0] + a[1] * b[0] * c[0]) / 3.0,
            (a[0] * b[1] * c[1] + a[1] * b[0] * c[1] + a[1] * b[1] * c[0]) / 3.0,
            a[1] * b[1] * c[1],
        ])
    }

    /// `self + factor * other`.
    #[inline(always)]
    pub fn plus(self, factor: f64, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self([a[0] + factor * b[0], a[1] + factor * b[1], a[2] + factor * b[2], a[3] + factor * b[3]])
    }

    #[inline(always)]
    pub fn min(self) -> f64 {
        self.0[0].min(self.0[1]).min(self.0[2]).min(self.0[3])
    }

    #[inline(always)]
    pub fn max(self) -> f64 {
        self.0[0].max(self.0[1]).max(self.0[2]).max(self.0[3])
    }

    /// Appends where in (0, 1) it changes its sign, to about 1e-14; a root that it only touches may be left out.
    pub fn sign_changes(self, out: &mut Vec<f64>) {
        if self.min() > 0.0 || self.max() < 0.0 {
            return;
        }
        let [c0, c1, c2, c3] = self.0;
        let powers = [c0, 3.0 * (c1 - c0), 3.0 * (c2 - 2.0 * c1 + c0), c3 - 3.0 * c2 + 3.0 * c1 - c0];
        let value = |v: f64| ((powers[3] * v + powers[2]) * v + powers[1]) * v + powers[0];
        // Between these it rises or falls all the way.
        let mut turns = quadratic_roots(3.0 * powers[3], 2.0 * powers[2], powers[1]);
        turns.sort_unstable_by(f64::total_cmp);
        let mut from = (0.0, c0);
        for to in turns.into_iter().filter(|v| (0.0..1.0).contains(v)).chain([1.0]) {
            let to = (to, if to == 1.0 { c3 } else { value(to) });
            if (from.1 < 0.0) != (to.1 < 0.0) {
                let (mut low, mut high) = (from.0, to.0);
                for _ in 0..HALVINGS {
                    let middle = 0.5 * (low + high);
                    if (value(middle) < 0.0) == (from.1 < 0.0) { low = middle } else { high = middle }
                }
                out.push(0.5 * (low + high));
            }
            from = to;
        }
    }
}

/// The real roots of `a v^2 + b v + c`; NaN or infinite where there are fewer.
fn quadratic_roots(a: f64, b: f64, c: f64) -> [f64; 2] {
    let root = (b * b - 4.0 * a * c).sqrt();
    // Without cancellation (Press et al., Numerical Recipes, 5.6).
    let q = -0.5 * (b + root.copysign(b));
    [q / a, c / q]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(cubic: Cubic, v: f64) -> f64 {
        let [a, b, c, d] = cubic.0;
        let r = 1.0 - v;
        a * r * r * r + 3.0 * b * r * r * v + 3.0 * c * r * v * v + d * v * v * v
    }

    proptest! {
        #[test]
        fn every_sign_change_is_found(c in proptest::array::uniform4(-1.0..1.0_f64)) {
            let cubic = Cubic(c);
            let mut roots = Vec::new();
            cubic.sign_changes(&mut roots);
            prop_assert!(roots.is_sorted());
            // Between two roots the sign is one; fine steps near a root may fall on either side of it.
            let steps: Vec<f64> = (0..=2_000).map(|step| f64::from(step) / 2_000.0).collect();
            for pair in steps.windows(2) {
                let changed = (value(cubic, pair[0]) < -1e-9) != (value(cubic, pair[1]) < -1e-9)
                    && value(cubic, pair[0]).abs() > 1e-9 && value(cubic, pair[1]).abs() > 1e-9;
                let n = roots.iter().filter(|root| (pair[0]..=pair[1]).contains(*root)).count();
                prop_assert!(!changed || n % 2 == 1, "{pair:?} {roots:?}");
            }
            for root in roots {
                prop_assert!(value(cubic, root).abs() < 1e-9, "{root}");
            }
        }

        #[test]
        fn a_product_is_the_product(a in proptest::array::uniform6(-2.0..2.0_f64), v in 0.0..1.0_f64) {
            let at = |i: usize| a[2 * i] + v * (a[2 * i + 1] - a[2 * i]);
            let cubic = Cubic::product([a[0], a[1]], [a[2], a[3]], [a[4], a[5]]);
            prop_assert!((value(cubic, v) - at(0) * at(1) * at(2)).abs() < 1e-12);
        }
    }

    #[test]
    fn three_roots_are_three() {
        let cubic = Cubic::product([-0.25, 0.75], [-0.5, 0.5], [-0.75, 0.25]);
        let mut roots = Vec::new();
        cubic.sign_changes(&mut roots);
        assert_eq!(roots.len(), 3);
        for (root, expected) in roots.iter().zip([0.25, 0.5, 0.75]) {
            assert!((root - expected).abs() < 1e-12, "{root}");
        }
    }
}
