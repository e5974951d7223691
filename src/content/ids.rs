//! Ids of artists and albums. Catalogues often know them by name only; they then get an id of the usual form, made of the name.

use super::tags::fold;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// As many digits as Spotify's ids have: 62^22 is above 2^128.
const LENGTH: usize = 22;

/// The id of an artist called `name`: `known` where the catalogue has one, else 22 characters made of the name.
pub fn artist_id(name: &str, known: Option<&str>) -> String {
    known_or(known, || hashed("nearfield 2026-11 id of an artist", &[name]))
}

/// The id of an album called `title` whose tracks' main artist is `artist`, in the same way.
pub fn album_id(title: &str, artist: &str, known: Option<&str>) -> String {
    known_or(known, || hashed("nearfield 2026-11 id of an album", &[title, artist]))
}

fn known_or(known: Option<&str>, made: impl FnOnce() -> String) -> String {
    known.filter(|id| !id.is_empty()).map_or_else(made, str::to_owned)
}

/// 128 bits of a hash over `names` as they are compared, in base 62.
fn hashed(context: &str, names: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for name in names {
        let name = fold(name);
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
    }
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    let mut number = u128::from_be_bytes(bytes);
    let mut digits = [b'0'; LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_of_names_as_they_are_compared() {
        let made = artist_id("Björk", None);
        assert!(made.len() == LENGTH && made.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{made}");
        assert_eq!(made, artist_id(" BJÖRK ", Some("")));
        assert_ne!(made, artist_id("Bjork", None));
        assert_eq!(artist_id("Björk", Some("7w29UYBi0qsHi5RTcv3lmA")), "7w29UYBi0qsHi5RTcv3lmA");
        // They are addresses: what was handed out must be found by later versions.
        assert_eq!(made, "0R2c73jRkfzOA0Jpq6LHsZ");
        assert_ne!(album_id("ab", "c", None), album_id("a", "bc", None));
        assert_ne!(album_id("Debut", "Björk", None), artist_id("Debut", None));
    }
}
