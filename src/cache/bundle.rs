//! All explanations of one query that this process keeps, as one value: looking up and keeping ten entries would cost more
//! than computing some of them. In Redis each is on its own.
//!
//! Any number of: item (4 bytes, little-endian), length (4 bytes), explanation.

use crate::track::ItemIdx;

use super::store::Value;

/// What a bundle may grow to; then it begins anew.
const MAX_BYTES: usize = 2 << 20;

/// The explanations in a bundle, by item.
#[derive(Debug, Default)]
pub struct Bundle<'a>(Vec<(u32, &'a [u8])>);

impl<'a> Bundle<'a> {
    /// Reads a bundle.
    pub fn read(mut bytes: &'a [u8]) -> Self {
        let mut entries = Vec::new();
        while let Some((item, rest)) = bytes.split_first_chunk::<4>()
            && let Some((length, rest)) = rest.split_first_chunk::<4>()
            && let Some((explanation, rest)) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)
        {
            entries.push((u32::from_le_bytes(*item), explanation));
            bytes = rest;
        }
        entries.sort_by_key(|(item, _)| *item);
        Self(entries)
    }

    /// The explanation of an item.
    pub fn get(&self, item: ItemIdx) -> Option<&'a [u8]> {
        let place = self.0.binary_search_by_key(&item.0, |(item, _)| *item).ok()?;
        Some(self.0[place].1)
    }
}

/// `old` and what comes to it.
pub fn extended<'a>(old: Option<&[u8]>, new: impl Iterator<Item = (ItemIdx, &'a [u8])>) -> Value {
    let mut bytes = old.map_or_else(Vec::new, <[u8]>::to_vec);
    if bytes.len() > MAX_BYTES {
        bytes.clear();
    }
    for (item, explanation) in new {
        // Explanations are shorter than 4 GiB by far.
        let length = explanation.len() as u32;
        bytes.extend_from_slice(&item.0.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(explanation);
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_found_and_nothing_else() {
        let entry = |item: u32, text: &'static str| (ItemIdx(item), text.as_bytes());
        let first = extended(None, [entry(7, "seven"), entry(3, "")].into_iter());
        let second = extended(Some(&first), [entry(5, "five")].into_iter());
        let bundle = Bundle::read(&second);
        let found = [7, 3, 5, 4].map(|item| bundle.get(ItemIdx(item)));
        assert_eq!(found, [Some(&b"seven"[..]), Some(b""), Some(b"five"), None]);
        assert!(Bundle::read(&first[..first.len() - 9]).get(ItemIdx(7)).is_none(), "cut off");
        let large = vec![0; MAX_BYTES + 1];
        assert_eq!(extended(Some(&large), [entry(5, "five")].into_iter()).len(), 12);
    }
}
