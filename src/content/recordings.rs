//! Which items are the same recording: same title and main artist, or the same vector. Catalogues list a song again for each
//! release, compilation and market. What more items share than any song has releases is a placeholder ("Track 01" by "Unknown
//! Artist", a default analysis) and tells nothing.

use std::collections::HashMap;

use crate::track::Track;

use super::tags::fold;

/// A title and artist, or a vector, of more items than this is a placeholder. The largest group of equal analyses among
/// 250,000 tracks of public catalogues has 42.
const MAX_ALIKE: u32 = 100;
/// Components that must be equal: few, or coarse ones, are equal by chance.
const LEAST_COMPONENTS: usize = 6;

/// What a title and a main artist are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SongKey([u8; 16]);

impl SongKey {
    /// The key of `track`; `None` where its title or its artist is not known.
    pub fn of(track: &Track) -> Option<Self> {
        let title = fold(track.name.as_deref()?);
        let artist = fold(track.artists.first()?);
        if title.is_empty() || artist.is_empty() {
            return None;
        }
        let mut hasher = blake3::Hasher::new();
        for text in [&title, &artist] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        Some(Self::cut(&hasher))
    }

    fn cut(hasher: &blake3::Hasher) -> Self {
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        Self(bytes)
    }
}

/// Joins items that are the same recording, transitively.
pub(crate) struct Recordings {
    /// `[n_items]`: an item of the same recording, itself where it is the first.
    parent: Vec<u32>,
}

impl Recordings {
    /// All items are recordings of their own.
    pub fn new(n_items: usize) -> Self {
        Self { parent: (0..n_items as u32).collect() }
    }

    /// Joins items with the same key; items come in order.
    pub fn join_songs(&mut self, songs: &[Option<SongKey>]) {
        self.join_keys(songs.iter().copied());
    }

    fn join_keys(&mut self, keys: impl Iterator<Item = Option<SongKey>> + Clone) {
        let mut alike: HashMap<SongKey, (u32, u32)> = HashMap::new();
        for (item, key) in keys.clone().enumerate() {
            if let Some(key) = key {
                alike.entry(key).or_insert((item as u32, 0)).1 += 1;
            }
        }
        for (item, key) in keys.enumerate() {
            if let Some((first, n_alike)) = key.and_then(|key| alike.get(&key))
                && *n_alike <= MAX_ALIKE
            {
                self.join(*first, item as u32);
            }
        }
    }

    /// Joins items with the same vector, as far as `vector_of` appends the components that count; items for which it says
    /// `false` are not known well enough.
    pub fn join_vectors(&mut self, mut vector_of: impl FnMut(usize, &mut Vec<f32>) -> bool) {
        let mut vector = Vec::new();
        let mut key = |item| {
            vector.clear();
            if !vector_of(item, &mut vector) || vector.len() < LEAST_COMPONENTS {
                return None;
            }
            let mut hasher = blake3::Hasher::new();
            // Adding 0 makes -0 and 0 the same.
            vector.iter().for_each(|x| {
                hasher.update(&(x + 0.0).to_le_bytes());
            });
            Some(SongKey::cut(&hasher))
        };
        let keys: Vec<Option<SongKey>> = (0..self.parent.len()).map(&mut key).collect();
        self.join_keys(keys.iter().copied());
    }

    /// `[n_items]`: the first item of the same recording.
    pub fn finish(mut self) -> Vec<u32> {
        (0..self.parent.len() as u32).map(|item| self.root(item)).collect()
    }

    fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.root(one), self.root(other));
        // The smaller is the root, so that the root is the first item.
        self.parent[one.max(other) as usize] = one.min(other);
    }

    fn root(&mut self, mut item: u32) -> u32 {
        while self.parent[item as usize] != item {
            let above = self.parent[self.parent[item as usize] as usize];
            self.parent[item as usize] = above;
            item = above;
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::TrackId;

    fn track(name: Option<&str>, artists: &[&str]) -> Track {
        let mut track = Track::new(TrackId::parse("a").unwrap());
        track.name = name.map(str::to_owned);
        track.artists = artists.iter().map(|artist| (*artist).to_owned()).collect();
        track
    }

    #[test]
    fn songs_are_compared_by_title_and_main_artist() {
        let key = |name, artists: &[&str]| SongKey::of(&track(name, artists));
        assert_eq!(key(Some("One"), &["U2", "Mary"]), key(Some(" ONE "), &["u2"]));
        assert_ne!(key(Some("One"), &["U2"]), key(Some("One"), &["Metallica"]));
        assert_ne!(key(Some("ab"), &["c"]), key(Some("a"), &["bc"]));
        for unknown in [key(None, &["U2"]), key(Some("One"), &[]), key(Some(" "), &["U2"])] {
            assert_eq!(unknown, None, "what is not known is not the same");
        }
    }

    #[test]
    fn joining_is_transitive_and_named_after_the_first_item() {
        let song = |name| SongKey::of(&track(Some(name), &["x"]));
        let mut recordings = Recordings::new(6);
        recordings.join_songs(&[song("a"), song("b"), None, song("b"), None, song("c")]);
        let vectors = [1.0, 2.0, 3.0, 4.0, 4.0, 1.0];
        recordings.join_vectors(|item, vector| {
            vector.extend([vectors[item]; LEAST_COMPONENTS]);
            item != 5
        });
        // 1 and 3 by name, 3 and 4 by vector; 5 has the vector of 0, but it does not tell enough.
        assert_eq!(recordings.finish(), [0, 1, 2, 1, 1, 5]);
    }
    #[test]
    fn what_too_many_share_or_too_little_tells_nothing() {
        let n = MAX_ALIKE as usize + 1;
        let song = |name| SongKey::of(&track(Some(name), &["x"]));
        let mut recordings = Recordings::new(n);
        recordings.join_songs(&vec![song("Track 01"); n]);
        recordings.join_vectors(|_, vector| {
            vector.extend([0.5; LEAST_COMPONENTS]);
            true
        });
        recordings.join_vectors(|item, vector| {
            vector.extend([item as f32 / 2.0; LEAST_COMPONENTS - 1].map(f32::floor));
            true
        });
        assert_eq!(recordings.finish(), (0..n as u32).collect::<Vec<_>>());
        let mut recordings = Recordings::new(n - 1);
        recordings.join_songs(&vec![song("Hymn"); n - 1]);
        assert_eq!(recordings.finish(), vec![0; n - 1]);
    }
}
