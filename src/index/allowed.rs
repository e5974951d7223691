//! What a filter lets pass, as the engines need it.

use crate::content::Vectors;
use crate::track::ItemIdx;

use super::ItemSet;

/// Below this share of all items their positions are listed too, so that walking them does not read every bit.
const LISTED_SHARE: usize = 64;

/// The items that may be returned: by item for those who speak of items, by position for the engines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    items: ItemSet,
    positions: ItemSet,
    /// The positions, ascending, where they are few.
    listed: Option<Vec<u32>>,
}

impl Allowed {
    /// `items` of a generation whose vectors these are.
    pub fn new(items: ItemSet, vectors: &Vectors) -> Self {
        let n_items = vectors.len();
        if items.len() <= n_items / LISTED_SHARE {
            let mut listed: Vec<u32> = items.iter().map(|item| vectors.position(item)).collect();
            listed.sort_unstable();
            let positions = ItemSet::from_ids(n_items, &listed);
            return Self { items, positions, listed: Some(listed) };
        }
        let order = vectors.order();
        let positions = ItemSet::from_fn(n_items, |position| items.contains(ItemIdx(order[position])));
        Self { items, positions, listed: None }
    }

    /// `items` of vectors that are stored by item.
    #[cfg(test)]
    pub(crate) fn unordered(items: ItemSet) -> Self {
        Self { positions: items.clone(), items, listed: None }
    }

    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        let words = self.items.words().len() + self.positions.words().len();
        let listed = self.listed.as_ref().map_or(0, Vec::len);
        words * size_of::<u64>() + listed * size_of::<u32>()
    }

    /// The items.
    pub fn items(&self) -> &ItemSet {
        &self.items
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Their positions as a set.
    pub(crate) fn positions(&self) -> &ItemSet {
        &self.positions
    }

    /// Calls `visit` with all positions, ascending, some at a time.
    pub(crate) fn for_each_chunk(&self, size: usize, mut visit: impl FnMut(&[u32])) {
        match &self.listed {
            Some(listed) => listed.chunks(size).for_each(visit),
            None => {
                let mut chunk = Vec::with_capacity(size);
                for position in self.positions.iter() {
                    chunk.push(position.0);
                    if chunk.len() == size {
                        visit(&chunk);
                        chunk.clear();
                    }
                }
                if !chunk.is_empty() {
                    visit(&chunk);
                }
            }
        }
    }
}
