//! Where a search enters the graph: at the best of some items spread over the catalogue, under its own weights.
//!
//! In the inline layout the sampled items lie in groups of neighbours in storage order, and each group has a centre, the
//! mean of its codes. A search scores the centres, sixteen at a time, and then the items of the best groups: a fraction
//! of what scoring all of them would take, so that there can be more of them.

use crate::distance::LANES;

use super::layout::{LayoutKind, RecordLayout};

/// Items sampled in the inline layout.
const N_INLINE: usize = 8192;
/// Items sampled in the split layout with up to [`SPLIT_DIMS`] dimensions: all of them are scored.
const N_SPLIT: usize = 2048;
/// With more dimensions than this, fewer, so that it takes no longer.
const SPLIT_DIMS: usize = 16;

/// Positions to enter the graph from, ascending: all of a small catalogue, else evenly spread over storage order, and so
/// over space.
pub(crate) fn sample_entries(n_items: usize, dim: usize, layout: LayoutKind) -> Vec<u32> {
    let n_entries = match layout {
        LayoutKind::Inline => N_INLINE,
        LayoutKind::Split => (N_SPLIT * SPLIT_DIMS / dim.max(SPLIT_DIMS)).max(LANES),
    };
    let n_entries = n_entries.min(n_items);
    (0..n_entries).map(|place| (place * n_items / n_entries) as u32).collect()
}

/// How many groups so many entry points make.
pub(super) fn n_groups(n_entries: usize) -> usize {
    n_entries.div_ceil(LANES)
}

/// The groups of some entry points and the groups of their centres; codes are `[n_items, dim]`.
pub(super) fn group_entries(
    entries: &[u32],
    codes: &[u8],
    dim: usize,
    layout: RecordLayout,
) -> (Vec<u8>, Vec<u8>) {
    let n_groups = n_groups(entries.len());
    let mut groups = vec![0; n_groups * layout.group_bytes];
    layout.fill_groups(entries, codes, dim, &mut groups);
    let centre_codes: Vec<u8> = entries.chunks(LANES).flat_map(|group| centre(group, codes, dim)).collect();
    let numbers: Vec<u32> = (0..n_groups as u32).collect();
    let mut centres = vec![0; n_groups.div_ceil(LANES) * layout.group_bytes];
    layout.fill_groups(&numbers, &centre_codes, dim, &mut centres);
    (groups, centres)
}

/// The mean of some items' codes, rounded to the nearest byte.
fn centre(items: &[u32], codes: &[u8], dim: usize) -> impl Iterator<Item = u8> {
    let n = items.len() as u32;
    (0..dim).map(move |i| {
        let sum: u32 = items.iter().map(|item| u32::from(codes[*item as usize * dim + i])).sum();
        ((sum + n / 2) / n) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_spread_and_grouped_around_their_centres() {
        let entries = sample_entries(100_000, 2, LayoutKind::Inline);
        assert_eq!(entries.len(), N_INLINE);
        assert!(entries.is_sorted_by(|a, b| a < b) && entries[N_INLINE - 1] > 99_000);
        assert_eq!(sample_entries(20, 2, LayoutKind::Inline), (0..20).collect::<Vec<u32>>());
        assert_eq!(sample_entries(100_000, 1024, LayoutKind::Split).len(), 32);

        let layout = RecordLayout::new(LANES, 2);
        let codes: Vec<u8> = (0..20).flat_map(|item| [item, 100]).collect();
        let (groups, centres) = group_entries(&sample_entries(20, 2, LayoutKind::Inline), &codes, 2, layout);
        assert_eq!(groups.len(), 2 * layout.group_bytes);
        assert_eq!(centres.len(), layout.group_bytes);
        let ids: Vec<u32> = layout.ids(&centres).take(3).collect();
        assert_eq!(ids, [0, 1, super::super::Neighbours::NONE]);
        let code = |dim: usize, lane: usize| centres[super::super::layout::ID_BYTES + dim * LANES + lane];
        // 0 to 15 and 16 to 19, halves rounded up.
        assert_eq!([code(0, 0), code(1, 0), code(0, 1), code(1, 1)], [8, 100, 18, 100]);
    }
}
