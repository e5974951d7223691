//! The beam: the best items met so far, in one sorted array.
//!
//! An entry is its distance's bits above its id, so that sorting by distance with ties by id is sorting integers, and
//! an item met again is found beside itself: no set of visited items is needed. [`super::recent`] turns most of those
//! away before the array is searched.

/// The largest id: one bit of an entry's lower half says whether it was expanded.
pub(crate) const MAX_ID: u32 = u32::MAX >> 1;
/// Entries moved at a time.
const CHUNK: usize = 8;
/// Up to so many chunks are moved by hand: a call of `memmove` takes longer than that.
const MOST_CHUNKS: usize = 8;
/// Larger than every entry.
const FREE: u64 = u64::MAX;

/// The best items met so far.
#[derive(Debug, Default)]
pub(super) struct Beam {
    /// `distance bits << 32 | id << 1 | expanded`, ascending; [`FREE`] from `len` up to the capacity, then room for what
    /// is moved out of a full beam.
    entries: Vec<u64>,
    len: usize,
    capacity: usize,
    /// The first entry that is not expanded.
    first_open: usize,
    /// The distance of the last entry of a full beam.
    bound: f32,
}

impl Beam {
    /// Forgets everything; from now on the best `capacity`, at least one, are kept.
    pub fn begin(&mut self, capacity: usize) {
        self.entries.clear();
        self.len = 0;
        self.first_open = 0;
        self.resize(capacity);
    }

    /// Keeps the best `capacity` from now on. What was too far before may come back.
    pub fn resize(&mut self, capacity: usize) {
        self.capacity = capacity.max(1);
        self.len = self.len.min(self.capacity);
        self.first_open = self.first_open.min(self.len);
        self.entries.truncate(self.len);
        self.entries.resize(self.capacity + 1 + CHUNK, FREE);
        self.bound = f32::INFINITY;
        self.update_bound();
    }

    #[inline(always)]
    fn update_bound(&mut self) {
        if self.len == self.capacity {
            self.bound = f32::from_bits((self.entries[self.len - 1] >> 32) as u32);
        }
    }

    /// Only what is below this distance would be kept.
    #[inline(always)]
    pub fn bound(&self) -> f32 {
        self.bound
    }

    /// Takes up an item below the bound unless it is already there. `distance` is at least 0, `id` at most [`MAX_ID`].
    #[inline(always)]
    pub fn insert(&mut self, distance: f32, id: u32) {
        let entry = u64::from(distance.to_bits()) << 32 | u64::from(id) << 1;
        let place = self.entries[..self.len].partition_point(|other| *other < entry);
        if place >= self.capacity || self.entries[place] >> 1 == entry >> 1 {
            return;
        }
        self.make_room(place);
        self.entries[place] = entry;
        self.len = (self.len + 1).min(self.capacity);
        self.first_open = self.first_open.min(place);
        self.update_bound();
    }

    /// Moves all entries from `place` on up by one, from the end.
    #[inline(always)]
    fn make_room(&mut self, place: usize) {
        let n_chunks = (self.len - place).div_ceil(CHUNK);
        if n_chunks > MOST_CHUNKS {
            self.entries.copy_within(place..self.len, place + 1);
            return;
        }
        for number in (0..n_chunks).rev() {
            let from = place + number * CHUNK;
            let mut chunk = [0; CHUNK];
            chunk.copy_from_slice(&self.entries[from..from + CHUNK]);
            self.entries[from + 1..from + 1 + CHUNK].copy_from_slice(&chunk);
        }
    }

    /// The nearest item that was not given out before.
    #[inline(always)]
    pub fn open(&mut self) -> Option<u32> {
        let entry = self.entries[..self.len].get_mut(self.first_open)?;
        let item = (*entry as u32) >> 1;
        *entry |= 1;
        while self.first_open < self.len && self.entries[self.first_open] & 1 == 1 {
            self.first_open += 1;
        }
        Some(item)
    }

    /// The ids of the nearest items up to the first that was not given out.
    #[inline(always)]
    pub fn expanded(&self) -> impl ExactSizeIterator<Item = u32> {
        self.entries[..self.first_open].iter().map(|entry| (*entry as u32) >> 1)
    }

    /// The items, nearest first.
    pub fn items(&self) -> impl ExactSizeIterator<Item = (f32, u32)> {
        let entries = self.entries[..self.len].iter();
        entries.map(|entry| (f32::from_bits((entry >> 32) as u32), (*entry as u32) >> 1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same by a sorted list of (distance, id, expanded).
    #[derive(Default)]
    struct Model {
        capacity: usize,
        entries: Vec<(u32, u32, bool)>,
    }

    impl Model {
        fn insert(&mut self, distance: u32, id: u32) {
            if !self.entries.iter().any(|known| (known.0, known.1) == (distance, id)) {
                self.entries.push((distance, id, false));
                self.entries.sort_unstable();
                self.entries.truncate(self.capacity);
            }
        }

        fn open(&mut self) -> Option<u32> {
            let entry = self.entries.iter_mut().find(|entry| !entry.2)?;
            entry.2 = true;
            Some(entry.1)
        }

        fn expanded(&self) -> Vec<u32> {
            self.entries.iter().take_while(|entry| entry.2).map(|entry| entry.1).collect()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn a_beam_is_a_sorted_list(
            capacity in prop_oneof![Just(1_usize), Just(4), 62..67_usize, 126..132_usize],
            wider in 0..80_usize,
            steps in prop::collection::vec((0..40_u32, 0..9_u32, 0..4_u8), 0..400),
            widened_at in 0..400_usize,
        ) {
            let (mut beam, mut model) = (Beam::default(), Model { capacity, ..Model::default() });
            beam.begin(capacity);
            for (number, (distance, id, kind)) in steps.into_iter().enumerate() {
                if number == widened_at {
                    beam.resize(capacity + wider);
                    model.capacity = capacity + wider;
                }
                if kind == 0 {
                    prop_assert_eq!(beam.open(), model.open());
                } else if (distance as f32) < beam.bound() {
                    beam.insert(distance as f32, id);
                    model.insert(distance, id);
                }
                let items: Vec<_> = beam.items().map(|(distance, id)| (distance as u32, id)).collect();
                let expected: Vec<_> = model.entries.iter().map(|entry| (entry.0, entry.1)).collect();
                prop_assert_eq!(items, expected);
                prop_assert_eq!(beam.expanded().collect::<Vec<_>>(), model.expanded());
                let full = model.entries.len() == model.capacity;
                let bound = model.entries.last().filter(|_| full).map_or(f32::INFINITY, |last| last.0 as f32);
                prop_assert_eq!(beam.bound(), bound);
            }
        }
    }
}
