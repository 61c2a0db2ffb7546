use super::channel::Channel;
use crate::ChannelId;

/// The channels, each in a numbered place; a place is reused under a new generation.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    vacant: Vec<u32>,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    channel: Option<Channel>,
}

impl Slots {
    pub(super) fn insert(&mut self, channel: Channel) -> ChannelId {
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len()).unwrap_or(u32::MAX).saturating_sub(1)
        });
        let place = self.place_mut(slot);
        let generation = place.as_ref().map_or(0, |place| place.generation);
        if let Some(place) = place {
            place.channel = Some(channel);
        }
        ChannelId { slot, generation }
    }

    pub(super) fn get(&self, id: ChannelId) -> Option<&Channel> {
        let place = self.slots.get(usize::try_from(id.slot).ok()?)?;
        if place.generation == id.generation { place.channel.as_ref() } else { None }
    }

    pub(super) fn get_mut(&mut self, id: ChannelId) -> Option<&mut Channel> {
        let place = self.place_mut(id.slot)?;
        if place.generation == id.generation { place.channel.as_mut() } else { None }
    }

    pub(super) fn remove(&mut self, id: ChannelId) -> Option<Channel> {
        let place = self.place_mut(id.slot).filter(|place| place.generation == id.generation)?;
        let channel = place.channel.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.vacant.push(id.slot);
        Some(channel)
    }

    /// The channels by place.
    pub(super) fn ids(&self) -> Vec<ChannelId> {
        (0u32..)
            .zip(&self.slots)
            .filter(|(_, place)| place.channel.is_some())
            .map(|(slot, place)| ChannelId { slot, generation: place.generation })
            .collect()
    }

    fn place_mut(&mut self, slot: u32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(slot).ok()?)
    }
}
