//! Whole numbers of a request: `10`, and `10.0` as programs write it that know floats only.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// The largest float below which every whole number is one: 2^53.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A whole number that is not negative.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Whole(usize);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(WholeVisitor)
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = Whole;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number that is not negative")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Whole, E> {
        usize::try_from(number).map(Whole).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Whole, E> {
        usize::try_from(number).map(Whole).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Whole, E> {
        if number.fract() != 0.0 {
            return Err(E::invalid_type(Unexpected::Float(number), &self));
        }
        match (0.0..MAX_EXACT).contains(&number) {
            true => self.visit_u64(number as u64),
            false => Err(E::invalid_value(Unexpected::Float(number), &self)),
        }
    }
}

/// For `#[serde(deserialize_with)]`.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    Ok(Whole::deserialize(deserializer)?.0)
}

/// The same for a number that may be null.
pub(super) fn whole_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    Ok(Option::<Whole>::deserialize(deserializer)?.map(|whole| whole.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_floats_are_whole_numbers() {
        let read =
            |json: &str| serde_json::from_str::<Option<Whole>>(json).map(|whole| whole.map(|whole| whole.0));
        for (json, number) in [("3", 3), ("3.0", 3), ("1e3", 1000), ("0", 0), ("-0.0", 0), ("0.0", 0)] {
            assert_eq!(read(json).unwrap(), Some(number), "{json}");
        }
        assert_eq!(read("null").unwrap(), None);
        for json in ["-1", "-1.0", "1e20", "99999999999999999999"] {
            assert!(read(json).unwrap_err().to_string().starts_with("invalid value"), "{json}");
        }
        for json in ["2.5", "-0.5", "\"3\"", "[]", "true"] {
            assert!(read(json).unwrap_err().to_string().starts_with("invalid type"), "{json}");
        }
    }
}
