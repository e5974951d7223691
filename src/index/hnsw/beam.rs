//! The beam: the best items met so far, in one sorted array.
//!
//! An entry is its distance's bits above its id, so that sorting by distance with ties by id is sorting integers, and
//! an item met again is found beside itself: no set of visited items is needed. A small table of recently met ids
//! turns most of those away before the array is searched.

/// Slots of the table of recently met ids: powers of two, the wider the beam the more.
const LEAST_RECENT: usize = 1 << 12;
const MOST_RECENT: usize = 1 << 16;
/// The largest id: one bit of an entry's lower half says whether it was expanded.
pub(crate) const MAX_ID: u32 = u32::MAX >> 1;
/// No item has this id.
const NOBODY: u32 = u32::MAX;

/// The best items met so far.
#[derive(Debug, Default)]
pub(super) struct Beam {
    /// `distance bits << 32 | id << 1 | expanded`, ascending.
    entries: Vec<u64>,
    capacity: usize,
    /// No entry before this one is unexpanded.
    first_open: usize,
    /// The distance of the last entry of a full beam.
    bound: f32,
    recent: Vec<u32>,
    /// A hash is shifted by this to give a slot.
    shift: u32,
}

impl Beam {
    /// Forgets everything; from now on the best `capacity` are kept, and at most `most` later.
    pub fn begin(&mut self, capacity: usize, most: usize) {
        self.entries.clear();
        self.capacity = capacity.max(1);
        self.first_open = 0;
        self.bound = f32::INFINITY;
        let n_recent = (64 * most).next_power_of_two().clamp(LEAST_RECENT, MOST_RECENT);
        self.forget(n_recent);
    }

    fn forget(&mut self, n_recent: usize) {
        self.recent.clear();
        self.recent.resize(n_recent, NOBODY);
        self.shift = u32::BITS - n_recent.ilog2();
    }

    /// Keeps the best `capacity` from now on. What was too far before may come back.
    pub fn widen(&mut self, capacity: usize) {
        self.forget(self.recent.len());
        self.capacity = capacity.max(1);
        self.bound = f32::INFINITY;
        self.entries.truncate(self.capacity);
        self.update_bound();
    }

    #[inline(always)]
    fn update_bound(&mut self) {
        if self.entries.len() >= self.capacity {
            self.bound =
                self.entries.last().map_or(f32::INFINITY, |last| f32::from_bits((last >> 32) as u32));
        }
    }

    /// Only what is below this distance would be kept.
    #[inline(always)]
    pub fn bound(&self) -> f32 {
        self.bound
    }

    /// Whether an item was not met lately; says so once.
    #[inline(always)]
    pub fn is_new(&mut self, id: u32) -> bool {
        let slot = (id.wrapping_mul(0x9E37_79B1) >> self.shift) as usize;
        match self.recent.get_mut(slot) {
            Some(slot) => std::mem::replace(slot, id) != id,
            None => false,
        }
    }

    /// Takes up an item below the bound unless it is already there. `distance` is at least 0, `id` at most [`MAX_ID`].
    #[inline(always)]
    pub fn insert(&mut self, distance: f32, id: u32) {
        let entry = u64::from(distance.to_bits()) << 32 | u64::from(id) << 1;
        let place = self.entries.partition_point(|other| *other < entry);
        if self.entries.get(place).is_some_and(|other| other >> 1 == entry >> 1) {
            return;
        }
        if self.entries.len() >= self.capacity {
            if place >= self.entries.len() {
                return;
            }
            self.entries.pop();
        }
        self.entries.insert(place, entry);
        self.first_open = self.first_open.min(place);
        self.update_bound();
    }

    /// The nearest items that were not given out before, at most `out.len()` of them; how many.
    #[inline(always)]
    pub fn open(&mut self, out: &mut [u32]) -> usize {
        let mut n_found = 0;
        let mut place = self.first_open;
        while place < self.entries.len() && n_found < out.len() {
            let entry = &mut self.entries[place];
            if *entry & 1 == 0 {
                out[n_found] = (*entry as u32) >> 1;
                *entry |= 1;
                n_found += 1;
            }
            place += 1;
        }
        self.first_open = place;
        n_found
    }

    /// The items, nearest first.
    pub fn items(&self) -> impl ExactSizeIterator<Item = (f32, u32)> {
        self.entries.iter().map(|entry| (f32::from_bits((entry >> 32) as u32), (*entry as u32) >> 1))
    }
}
