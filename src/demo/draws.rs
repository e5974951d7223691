//! Random numbers that are the same on every platform and with every version of `rand`.
//!
//! The generator is named (PCG XSL RR 128/64) and everything drawn from it uses only exactly rounded arithmetic:
//! `ln` and `cos` may differ between platforms in the last bit.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

/// A stream of draws.
pub(super) struct Draws(Pcg64);

impl Draws {
    /// The stream numbered `stream` of the catalogue seeded with `seed`.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(Pcg64::seed_from_u64(mix(seed ^ mix(stream))))
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in 0..n; `n` must not be 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    /// Uniform in low..=high.
    pub fn between(&mut self, low: i32, high: i32) -> i32 {
        low + self.below((high - low + 1) as usize) as i32
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// One of `items`, which must not be empty.
    pub fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len())]
    }

    /// Close to standard normal, within +-4.9: the scaled sum of eight uniform draws.
    pub fn normal(&mut self) -> f64 {
        let mut sum = 0_u64;
        for _ in 0..2 {
            let bits = self.0.next_u64();
            sum += (0..4).map(|i| (bits >> (16 * i)) & 0xffff).sum::<u64>();
        }
        // Eight uniforms have mean 4 and variance 8/12.
        (sum as f64 / 65_535.0 - 4.0) * 1.5_f64.sqrt()
    }
}

/// The finaliser of SplitMix64: a bijection on 64 bits that looks random.
pub(super) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// An id of 22 base62 characters, as Spotify's are. Different `n` give different ids under one seed and `kind`.
pub(super) fn base62_id(seed: u64, kind: u64, n: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // The low half alone is a bijection of `n`, hence unique; 62^22 > 2^128, hence nothing is cut off.
    let low = mix(n ^ mix(seed ^ mix(kind)));
    let high = mix(low ^ seed.rotate_left(32));
    let mut rest = (u128::from(high) << 64) | u128::from(low);
    let mut text = ['0'; 22];
    for digit in text.iter_mut().rev() {
        *digit = char::from(DIGITS[(rest % 62) as usize]);
        rest /= 62;
    }
    text.iter().collect()
}
