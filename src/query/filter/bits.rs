//! A set of items in the making: one bit each, 64 to a word.

use crate::index::ItemSet;

/// Adds up eight bytes of 0 or 1, the first in the lowest place, to the eight bits of the highest byte.
const GATHER: u64 = 0x0102_0408_1020_4080;

/// One bit for each of some items.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bits {
    n_items: usize,
    words: Vec<u64>,
}

impl Bits {
    /// No item.
    pub fn none(n_items: usize) -> Self {
        Self { n_items, words: vec![0; n_items.div_ceil(64)] }
    }

    /// Every item.
    pub fn all(n_items: usize) -> Self {
        let mut words = vec![u64::MAX; n_items.div_ceil(64)];
        if let Some(last) = words.last_mut()
            && !n_items.is_multiple_of(64)
        {
            *last >>= 64 - n_items % 64;
        }
        Self { n_items, words }
    }

    /// Takes every item out.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Keeps the items whose value (`values` is `[n_items]`) is accepted. Without a branch, so that it runs at the speed
    /// at which the column comes from memory; `accept` should have none either.
    pub fn keep<T: Copy>(&mut self, values: &[T], accept: impl Fn(T) -> bool) {
        let (whole, rest) = values.as_chunks::<64>();
        for (word, values) in self.words.iter_mut().zip(whole) {
            let mut accepted = [0_u8; 64];
            for (accepted, value) in accepted.iter_mut().zip(values) {
                *accepted = u8::from(accept(*value));
            }
            let mut bits = 0;
            for (place, eight) in accepted.as_chunks::<8>().0.iter().enumerate() {
                bits |= (u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56) << (8 * place);
            }
            *word &= bits;
        }
        if let Some(word) = self.words.get_mut(whole.len()) {
            let accepted = rest.iter().enumerate().map(|(bit, value)| u64::from(accept(*value)) << bit);
            *word &= accepted.fold(0, |bits, bit| bits | bit);
        }
    }

    /// Adds items; those out of range (of a damaged file) are left out.
    pub fn insert(&mut self, items: &[u32]) {
        for &item in items {
            if (item as usize) < self.n_items {
                self.words[item as usize / 64] |= 1 << (item % 64);
            }
        }
    }

    /// Keeps what is also in `other`.
    pub fn intersect(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    /// Keeps what is also in `set`.
    pub fn intersect_set(&mut self, set: &ItemSet) {
        self.words.iter_mut().zip(set.words()).for_each(|(word, other)| *word &= other);
    }

    /// Takes out what is in `other`.
    pub fn subtract(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= !other);
    }

    /// The finished set.
    pub fn into_set(self) -> ItemSet {
        ItemSet::from_words(self.n_items, self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_a_set_made_item_by_item() {
        for n_items in [0, 1, 7, 63, 64, 65, 127, 128, 200] {
            let values: Vec<f64> = (0..n_items)
                .map(|n| if n % 11 == 0 { f64::NAN } else { f64::from((n * 37 % 101) as u32) })
                .collect();
            let within = |value: f64| (20.0..=70.0).contains(&value);
            let mut bits = Bits::all(n_items);
            let n_set: u32 = bits.words.iter().map(|word| word.count_ones()).sum();
            assert_eq!(n_set as usize, n_items);
            bits.keep(&values, within);
            assert_eq!(bits.clone().into_set(), ItemSet::from_fn(n_items, |item| within(values[item])));
            let bytes: Vec<u8> = (0..n_items).map(|n| (n % 3) as u8).collect();
            bits.keep(&bytes, |byte| byte == 1);
            let both = |item: usize| within(values[item]) && item % 3 == 1;
            assert_eq!(bits.clone().into_set(), ItemSet::from_fn(n_items, both));
            let mut some = Bits::none(n_items);
            some.insert(&[1, 4, 64, 127, 500]);
            bits.subtract(&some);
            let left = |item: usize| both(item) && ![1, 4, 64, 127].contains(&item);
            assert_eq!(bits.clone().into_set(), ItemSet::from_fn(n_items, left));
            bits.intersect(&some);
            assert_eq!(bits, Bits::none(n_items));
        }
    }
}
