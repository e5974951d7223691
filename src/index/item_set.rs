//! Which items a filter lets pass.

use crate::track::ItemIdx;

/// A set of items as one bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemSet {
    n_items: usize,
    words: Vec<u64>,
    len: usize,
}

impl ItemSet {
    /// The set of no item among `n_items`.
    pub fn empty(n_items: usize) -> Self {
        Self { n_items, words: vec![0; n_items.div_ceil(64)], len: 0 }
    }

    /// The items that `accept` accepts.
    pub fn from_fn(n_items: usize, accept: impl Fn(usize) -> bool) -> Self {
        let mut set = Self::empty(n_items);
        for (index, word) in set.words.iter_mut().enumerate() {
            let items = index * 64..(index * 64 + 64).min(n_items);
            for item in items {
                *word |= u64::from(accept(item)) << (item % 64);
            }
        }
        set.recount();
        set
    }

    /// The given items; ids out of range (of a damaged file) are left out.
    pub fn from_ids<'a>(n_items: usize, ids: impl IntoIterator<Item = &'a u32>) -> Self {
        let mut set = Self::empty(n_items);
        for &id in ids {
            if (id as usize) < n_items {
                set.words[id as usize / 64] |= 1 << (id % 64);
            }
        }
        set.recount();
        set
    }

    /// The items whose bits are set in `words`, 64 items a word, the first item lowest; bits beyond the last item do not
    /// count.
    pub fn from_words(n_items: usize, mut words: Vec<u64>) -> Self {
        words.resize(n_items.div_ceil(64), 0);
        if let (Some(last), 1..) = (words.last_mut(), n_items % 64) {
            *last &= (1 << (n_items % 64)) - 1;
        }
        let mut set = Self { n_items, words, len: 0 };
        set.recount();
        set
    }

    /// Keeps what is also in `other`.
    pub fn intersect(&mut self, other: &Self) {
        self.combine(other, |a, b| a & b);
    }

    /// Adds what is in `other`.
    pub fn unite(&mut self, other: &Self) {
        self.combine(other, |a, b| a | b);
    }

    /// Takes out what is in `other`.
    pub fn subtract(&mut self, other: &Self) {
        self.combine(other, |a, b| a & !b);
    }

    fn combine(&mut self, other: &Self, operation: impl Fn(u64, u64) -> u64) {
        debug_assert_eq!(self.n_items, other.n_items);
        for (a, b) in self.words.iter_mut().zip(&other.words) {
            *a = operation(*a, *b);
        }
        self.recount();
    }

    fn recount(&mut self) {
        self.len = self.words.iter().map(|word| word.count_ones() as usize).sum();
    }

    /// The bits, 64 items a word, the first item lowest.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    /// How many items are in the set.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no item is in the set.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether `item` is in the set.
    #[inline]
    pub fn contains(&self, item: ItemIdx) -> bool {
        let word = self.words.get(item.as_usize() / 64).copied().unwrap_or(0);
        word >> (item.as_usize() % 64) & 1 == 1
    }

    /// The items in the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = ItemIdx> {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros();
                    rest &= rest - 1;
                    ItemIdx(index as u32 * 64 + bit)
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_combine_and_iterate_in_order() {
        let even = ItemSet::from_fn(130, |item| item % 2 == 0);
        let mut small = ItemSet::from_ids(130, &[0, 1, 64, 128, 129, 500]);
        assert_eq!((even.len(), small.len()), (65, 5));
        small.intersect(&even);
        assert_eq!(small.iter().map(|item| item.0).collect::<Vec<_>>(), [0, 64, 128]);
        small.unite(&ItemSet::from_ids(130, &[7]));
        small.subtract(&ItemSet::from_ids(130, &[64]));
        assert_eq!(small.iter().map(|item| item.0).collect::<Vec<_>>(), [0, 7, 128]);
        assert!(!small.contains(ItemIdx(1_000_000)));
    }
}
