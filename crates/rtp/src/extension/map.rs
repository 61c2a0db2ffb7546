use super::kind::ExtensionKind;
use crate::error::MapError;

/// Which id stands for which extension, as `a=extmap` negotiated it.
///
/// One map serves a whole bundle: an id means the same in all its sections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionMap {
    /// By place in [`ExtensionKind::ALL`]; 0 is "none".
    ids: [u8; ExtensionKind::ALL.len()],
}

impl ExtensionMap {
    /// A map without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Binds `id` to `kind`, in the place of the id it had before.
    ///
    /// # Errors
    ///
    /// [`MapError::ReservedId`] for 0 and 15, [`MapError::IdTaken`] if `id` stands for another
    /// extension.
    pub fn insert(&mut self, id: u8, kind: ExtensionKind) -> Result<(), MapError> {
        //= rfc8285#4.2
        // 15 is reserved, and 0 is padding.
        if matches!(id, 0 | 15) {
            return Err(MapError::ReservedId(id));
        }
        if self.kind(id).is_some_and(|other| other != kind) {
            return Err(MapError::IdTaken(id));
        }
        for (slot, known) in self.ids.iter_mut().zip(ExtensionKind::ALL) {
            if known == kind {
                *slot = id;
            }
        }
        Ok(())
    }

    /// Binds `id` to the extension with this URI and returns it; one that is unknown here changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub fn insert_uri(&mut self, id: u8, uri: &str) -> Result<Option<ExtensionKind>, MapError> {
        match ExtensionKind::from_uri(uri) {
            Some(kind) => self.insert(id, kind).map(|()| Some(kind)),
            None => Ok(None),
        }
    }

    /// Takes the id away from `kind`.
    pub fn remove(&mut self, kind: ExtensionKind) {
        for (slot, known) in self.ids.iter_mut().zip(ExtensionKind::ALL) {
            if known == kind {
                *slot = 0;
            }
        }
    }

    /// The id of `kind`, if it was negotiated.
    #[must_use]
    pub fn id(&self, kind: ExtensionKind) -> Option<u8> {
        self.iter().find(|(_, known)| *known == kind).map(|(id, _)| id)
    }

    /// What `id` stands for.
    #[must_use]
    pub fn kind(&self, id: u8) -> Option<ExtensionKind> {
        self.iter().find(|(known, _)| *known == id).map(|(_, kind)| kind)
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = (u8, ExtensionKind)> {
        self.ids.into_iter().zip(ExtensionKind::ALL).filter(|(id, _)| *id != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_uris_are_bound_both_ways() {
        let mut map = ExtensionMap::new();
        let uri = "urn:ietf:params:rtp-hdrext:sdes:mid";
        assert_eq!(map.insert_uri(4, uri), Ok(Some(ExtensionKind::Mid)));
        assert_eq!(map.insert_uri(5, "urn:example:unknown"), Ok(None));
        assert_eq!(map.id(ExtensionKind::Mid), Some(4));
        assert_eq!(map.kind(4).map(ExtensionKind::uri), Some(uri));
        assert_eq!(map.kind(5), None);
        assert_eq!(map.insert(4, ExtensionKind::AudioLevel), Err(MapError::IdTaken(4)));
        assert_eq!(map.insert(15, ExtensionKind::AudioLevel), Err(MapError::ReservedId(15)));
        assert_eq!(map.insert(0, ExtensionKind::AudioLevel), Err(MapError::ReservedId(0)));
        assert_eq!(map.insert(9, ExtensionKind::Mid), Ok(()));
        assert_eq!((map.id(ExtensionKind::Mid), map.kind(4)), (Some(9), None));
        map.remove(ExtensionKind::Mid);
        assert_eq!(map, ExtensionMap::new());
    }

    #[test]
    fn each_kind_has_its_own_uri() {
        for kind in ExtensionKind::ALL {
            assert_eq!(ExtensionKind::from_uri(kind.uri()), Some(kind));
        }
    }
}
