//! A small table of recently met ids: turns most of those that are met again away before anything is done with them.

/// Slots of the table, powers of two: the wider the beam the more.
const LEAST_SLOTS: usize = 1 << 12;
const MOST_SLOTS: usize = 1 << 16;
/// No item has this id.
const NOBODY: u32 = u32::MAX;

/// Ids met lately.
#[derive(Debug, Default)]
pub(super) struct Recent {
    slots: Vec<u32>,
    /// A hash is shifted by this to give a slot.
    shift: u32,
}

impl Recent {
    /// Forgets everything, and prepares for a beam of width `ef`.
    pub fn begin(&mut self, ef: usize) {
        let n_slots = (64 * ef).next_power_of_two().clamp(LEAST_SLOTS, MOST_SLOTS);
        self.slots.clear();
        self.slots.resize(n_slots, NOBODY);
        self.shift = u32::BITS - n_slots.ilog2();
    }

    /// Whether an item was not met lately; says so once.
    #[inline(always)]
    pub fn is_new(&mut self, id: u32) -> bool {
        let slot = (id.wrapping_mul(0x9E37_79B1) >> self.shift) as usize;
        match self.slots.get_mut(slot) {
            Some(slot) => std::mem::replace(slot, id) != id,
            None => false,
        }
    }
}
