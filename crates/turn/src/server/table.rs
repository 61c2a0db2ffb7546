use std::collections::HashMap;

use super::allocation::Allocation;
use super::hash::{Keyed, TupleKey};
use super::types::FiveTuple;

/// Allocations by slot, and slots by 5-tuple.
#[derive(Debug)]
pub(crate) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    tuples: HashMap<TupleKey, u32, Keyed>,
    /// The tuple found last: batches come from one client.
    last: Option<(FiveTuple, u32)>,
    count: usize,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    allocation: Option<Box<Allocation>>,
}

impl Table {
    pub(crate) fn new(hash: Keyed) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            tuples: HashMap::with_hasher(hash),
            last: None,
            count: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    #[inline]
    pub(crate) fn find(&mut self, tuple: &FiveTuple) -> Option<u32> {
        if let Some((last, slot)) = &self.last
            && last == tuple
        {
            return Some(*slot);
        }
        let slot = *self.tuples.get(&TupleKey::new(tuple))?;
        self.last = Some((*tuple, slot));
        Some(slot)
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&Allocation> {
        self.slots.get(usize::try_from(slot).ok()?)?.allocation.as_deref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Allocation> {
        self.slots.get_mut(usize::try_from(slot).ok()?)?.allocation.as_deref_mut()
    }

    pub(crate) fn generation(&self, slot: u32) -> u32 {
        let slot = usize::try_from(slot).ok().and_then(|slot| self.slots.get(slot));
        slot.map_or(0, |slot| slot.generation)
    }

    /// The allocation in `slot`, if it is still the one of that generation.
    #[inline]
    pub(crate) fn get_same(&mut self, slot: u32, generation: u32) -> Option<&mut Allocation> {
        let slot = self.slots.get_mut(usize::try_from(slot).ok()?)?;
        if slot.generation == generation { slot.allocation.as_deref_mut() } else { None }
    }

    /// Puts an allocation under its 5-tuple; its slot and generation, `None` beyond 2^32.
    pub(crate) fn insert(&mut self, allocation: Allocation) -> Option<(u32, u32)> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(Slot::default());
                slot
            }
        };
        self.tuples.insert(TupleKey::new(&allocation.tuple), slot);
        let place = self.slots.get_mut(usize::try_from(slot).ok()?)?;
        place.generation = place.generation.wrapping_add(1);
        place.allocation = Some(Box::new(allocation));
        self.count = self.count.saturating_add(1);
        Some((slot, place.generation))
    }

    /// Takes an allocation out, under whatever 5-tuples it is.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Box<Allocation>> {
        let place = self.slots.get_mut(usize::try_from(slot).ok()?)?;
        let allocation = place.allocation.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.unname(&allocation.tuple);
        if let Some(moving) = allocation.mobility.as_ref().and_then(|mobility| mobility.moving) {
            self.unname(&moving);
        }
        self.free.push(slot);
        self.count = self.count.saturating_sub(1);
        Some(allocation)
    }

    /// Gives an allocation a further 5-tuple.
    pub(crate) fn name(&mut self, tuple: &FiveTuple, slot: u32) {
        self.tuples.insert(TupleKey::new(tuple), slot);
        self.last = None;
    }

    pub(crate) fn unname(&mut self, tuple: &FiveTuple) {
        self.tuples.remove(&TupleKey::new(tuple));
        self.last = None;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Allocation> {
        self.slots.iter().filter_map(|slot| slot.allocation.as_deref())
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Allocation> {
        self.slots.iter_mut().filter_map(|slot| slot.allocation.as_deref_mut())
    }

    /// 5-tuples that name an allocation.
    pub(crate) fn names(&self) -> usize {
        self.tuples.len()
    }
}
