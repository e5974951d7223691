//! Values as they lie in Redis. Others write there too, keys collide, and what was written may be cut off: an envelope
//! says which key a value belongs to, and that it is whole.
//!
//! ```text
//! 0   4   magic "NFC" and the version of the envelope
//! 4   16  BLAKE3 of the payload, keyed with the key of the entry, its first half
//! 20  ..  payload
//! ```
//!
//! This tells accidents, not attackers: whoever may write to that Redis can make an envelope.

use super::key::Key;

const MAGIC: [u8; 4] = *b"NFC\x01";
const TAG: usize = 16;
const HEAD: usize = MAGIC.len() + TAG;

/// `payload` in the envelope of `key`.
pub fn seal(key: &Key, payload: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(HEAD + payload.len());
    sealed.extend_from_slice(&MAGIC);
    sealed.extend_from_slice(&tag(key, payload));
    sealed.extend_from_slice(payload);
    sealed
}

/// What was sealed for `key`, or `None` where this is something else.
pub fn open<'a>(key: &Key, sealed: &'a [u8]) -> Option<&'a [u8]> {
    let rest = sealed.strip_prefix(&MAGIC)?;
    let (found, payload) = rest.split_at_checked(TAG)?;
    (found == tag(key, payload)).then_some(payload)
}

fn tag(key: &Key, payload: &[u8]) -> [u8; TAG] {
    let hash = blake3::keyed_hash(key.hash(), payload);
    let mut tag = [0; TAG];
    tag.copy_from_slice(&hash.as_bytes()[..TAG]);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_with_its_own_key_only() {
        let (key, other) = (Key::for_test(1), Key::for_test(2));
        for payload in [&b""[..], b"x", &[7; 5_000]] {
            let sealed = seal(&key, payload);
            assert_eq!(open(&key, &sealed), Some(payload));
            assert_eq!(open(&other, &sealed), None);
        }
    }

    #[test]
    fn damage_anywhere_is_recognised() {
        let key = Key::for_test(1);
        let sealed = seal(&key, b"a payload");
        for length in 0..sealed.len() {
            assert_eq!(open(&key, &sealed[..length]), None, "cut at {length}");
        }
        for place in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[place] ^= 0x10;
            assert_eq!(open(&key, &damaged), None, "byte {place}");
        }
        assert_eq!(open(&key, &[sealed.as_slice(), b"x"].concat()), None);
        assert_eq!(open(&key, b"a payload"), None);
    }
}
