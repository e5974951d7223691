//! Makes every item reachable by links: construction can leave some that no path leads to.

use super::build::Neighbours;

/// What had to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// Items that no path led to.
    pub n_unreachable: usize,
    /// Links added or redirected.
    pub n_links: usize,
    /// Items that became entry points because no link could be spared.
    pub n_entries: usize,
}

/// Links every item that cannot be reached from one of `entries` alone to one that can, in the order of items: a search
/// looks at a part of the entry points only, so being one is not enough. Where no link can be added without cutting off
/// another item, the item becomes an entry point. Entry points, of which there is at least one, stay ascending.
pub(crate) fn repair(neighbours: &mut Neighbours, entries: &mut Vec<u32>) -> RepairReport {
    let n_items = neighbours.n_items();
    let mut reached = vec![false; n_items];
    let mut in_degree = vec![0_u32; n_items];
    for id in neighbours.ids.iter().filter(|id| **id != Neighbours::NONE) {
        in_degree[*id as usize] += 1;
    }
    let mut roots: Vec<u32> = entries.get(entries.len() / 2).copied().into_iter().collect();
    visit(|item| neighbours.ids(item), &mut reached, roots.iter().copied());
    let mut report = RepairReport::default();
    for item in 0..n_items {
        if reached[item] {
            continue;
        }
        report.n_unreachable += 1;
        if link(neighbours, &reached, &mut in_degree, item as u32) {
            report.n_links += 1;
        } else {
            roots.push(item as u32);
        }
        visit(|item| neighbours.ids(item), &mut reached, std::iter::once(item as u32));
    }
    // A redirected link may have been the only path to somewhere: whatever is cut off now becomes an entry.
    reached.fill(false);
    visit(|item| neighbours.ids(item), &mut reached, roots.iter().copied());
    for item in 0..n_items {
        if !reached[item] {
            roots.push(item as u32);
            visit(|item| neighbours.ids(item), &mut reached, std::iter::once(item as u32));
        }
    }
    let n_entries = entries.len();
    entries.extend(roots);
    entries.sort_unstable();
    entries.dedup();
    report.n_entries = entries.len() - n_entries;
    report
}

/// Marks what can be reached from `from`, where `neighbours` gives the neighbours of an item.
pub(super) fn visit<I: Iterator<Item = u32>>(
    neighbours: impl Fn(u32) -> I,
    reached: &mut [bool],
    from: impl Iterator<Item = u32>,
) {
    let mut open: Vec<u32> =
        from.filter(|item| !std::mem::replace(&mut reached[*item as usize], true)).collect();
    while let Some(item) = open.pop() {
        for next in neighbours(item) {
            if next != Neighbours::NONE && !std::mem::replace(&mut reached[next as usize], true) {
                open.push(next);
            }
        }
    }
}

/// Adds a link to `item` from a reached neighbour of it: in a free place, else instead of the farthest neighbour that
/// others link to as well.
fn link(neighbours: &mut Neighbours, reached: &[bool], in_degree: &mut [u32], item: u32) -> bool {
    let near: Vec<u32> = neighbours.of(item as usize).to_vec();
    let near = near.into_iter().filter(|from| *from != Neighbours::NONE && reached[*from as usize]);
    for from in near {
        let width = neighbours.width;
        let places = &mut neighbours.ids[from as usize * width..][..width];
        let free = places.iter().position(|id| *id == Neighbours::NONE);
        let spare = || places.iter().rposition(|id| in_degree[*id as usize] > 2);
        if let Some(place) = free.or_else(spare) {
            if let Some(cut) = in_degree.get_mut(places[place] as usize) {
                *cut -= 1;
            }
            places[place] = item;
            in_degree[item as usize] += 1;
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: u32 = Neighbours::NONE;

    #[test]
    fn an_entry_point_that_nothing_leads_to_is_linked() {
        // Nothing leads to 2, which would not be found from 0 or 1.
        let mut neighbours = Neighbours { width: 2, ids: vec![1, NONE, 0, NONE, 0, 1] };
        let mut entries = vec![0, 1, 2];
        let report = repair(&mut neighbours, &mut entries);
        assert_eq!(report, RepairReport { n_unreachable: 1, n_links: 1, n_entries: 0 });
        assert_eq!((neighbours.of(0), &entries[..]), (&[1, 2][..], &[0, 1, 2][..]));
    }

    #[test]
    fn cut_off_items_are_linked_or_become_entries() {
        // 0 <-> 1; 2 -> 0 but nothing leads to 2; 3 has no links at all.
        let ids = vec![1, NONE, 0, NONE, 0, NONE, NONE, NONE];
        let mut neighbours = Neighbours { width: 2, ids };
        let mut entries = vec![0];
        let report = repair(&mut neighbours, &mut entries);
        assert_eq!(report, RepairReport { n_unreachable: 2, n_links: 1, n_entries: 1 });
        assert_eq!(neighbours.of(0), [1, 2]);
        assert_eq!(entries, [0, 3]);
    }
}
