//! The one place that knows bincode: records inside the catalogue and inside snapshots are encoded here.
//!
//! The encoding is bincode 2, little-endian, fixed-width integers (`usize` as eight bytes), so a record's bytes do
//! not depend on the machine. bincode does not describe itself: a record's fields and their order are its format,
//! and whoever stores records prefixes a version byte and keeps old shapes readable.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest record, in bytes. A hostile length inside a record is refused against this before any allocation.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

const CONFIG: Configuration<LittleEndian, Fixint, Limit<MAX_RECORD_BYTES>> = bincode::config::standard()
    .with_little_endian()
    .with_fixed_int_encoding()
    .with_limit::<MAX_RECORD_BYTES>();

/// Why a record could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Larger than [`MAX_RECORD_BYTES`].
    #[error("the record has {got} bytes, at most {MAX_RECORD_BYTES} are allowed")]
    TooLarge {
        /// Its size in bytes.
        got: usize,
    },
    /// The value cannot be represented.
    #[error("the record cannot be encoded: {0}")]
    Encode(String),
    /// The bytes are not a record of the expected shape.
    #[error("the record is damaged: {0}")]
    Damaged(String),
    /// The record ends before its bytes do.
    #[error("the record is damaged: {extra} bytes follow its end")]
    TrailingBytes {
        /// How many bytes are left over.
        extra: usize,
    },
}

/// Appends the encoding of `value` to `out`.
pub fn encode_into<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = out.len();
    bincode::serde::encode_into_std_write(value, out, CONFIG)
        .map_err(|e| CodecError::Encode(e.to_string()))?;
    let got = out.len() - start;
    if got > MAX_RECORD_BYTES {
        out.truncate(start);
        return Err(CodecError::TooLarge { got });
    }
    Ok(())
}

/// The encoding of `value`.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::new();
    encode_into(value, &mut out)?;
    Ok(out)
}

/// Reads a value back; `bytes` must hold exactly one record.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    if bytes.len() > MAX_RECORD_BYTES {
        return Err(CodecError::TooLarge { got: bytes.len() });
    }
    let (value, used) =
        bincode::serde::decode_from_slice(bytes, CONFIG).map_err(|e| CodecError::Damaged(e.to_string()))?;
    match bytes.len() - used {
        0 => Ok(value),
        extra => Err(CodecError::TrailingBytes { extra }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_fixed_width_and_little_endian() {
        assert_eq!(encode(&(1u32, "ab")).unwrap(), [1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b']);
    }

    #[test]
    fn every_truncation_and_any_surplus_is_refused() {
        let bytes = encode(&("name".to_owned(), vec![1.5f64, 2.5])).unwrap();
        for cut in 0..bytes.len() {
            assert!(decode::<(String, Vec<f64>)>(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(matches!(decode::<(String, Vec<f64>)>(&longer), Err(CodecError::TrailingBytes { extra: 1 })));
        assert_eq!(decode::<(String, Vec<f64>)>(&bytes).unwrap().0, "name");
    }

    #[test]
    fn a_hostile_length_is_refused_without_allocating_it() {
        let mut bytes = u64::MAX.to_le_bytes().to_vec();
        bytes.extend([0; 8]);
        assert!(matches!(decode::<Vec<f64>>(&bytes), Err(CodecError::Damaged(_))));
        assert!(matches!(decode::<String>(&bytes), Err(CodecError::Damaged(_))));
    }
}
