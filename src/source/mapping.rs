//! `--map COLUMN=FIELD`: columns named by the user.

use std::str::FromStr;

use super::columns::{DEFAULT_VECTOR, Field, KNOWN, normalise};
use crate::suggest;
use crate::track::value;

/// Why `--map` is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// No `=`.
    #[error("expected COLUMN=FIELD, for example song_id=id; got {given:?}")]
    Form {
        /// What was given.
        given: String,
    },
    /// The field does not exist.
    #[error("there is no field `{given}`{}", suggest::among(given, field_names().iter().map(String::as_str)))]
    UnknownField {
        /// What was given.
        given: String,
    },
    /// The name of a value or vector is not usable.
    #[error("{given:?} is not a name; expected 1 to 64 letters, digits, '_', '-' or '.'")]
    Name {
        /// What was given.
        given: String,
    },
    /// A column is mapped twice, or two columns to one field.
    #[error("{what} is given twice")]
    Twice {
        /// The column or field.
        what: String,
    },
}

/// All that can stand on the right of `--map`.
pub fn field_names() -> Vec<String> {
    let mut names: Vec<String> = KNOWN.iter().map(|(field, _)| field.to_string()).collect();
    names.extend(value::ALL.map(str::to_owned));
    names.extend(["value:NAME", "vector", "vector:NAME", "ignore"].map(str::to_owned));
    names
}

impl FromStr for Field {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        let plain = normalise(text);
        if let Some((kind, name)) = text.trim().split_once(':') {
            let valid = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
            if name.is_empty() || name.len() > 64 || !name.chars().all(valid) {
                return Err(MappingError::Name { given: name.to_owned() });
            }
            match normalise(kind).as_str() {
                "value" => return Ok(Self::Value(name.to_owned())),
                "vector" => return Ok(Self::Vector(name.to_owned())),
                _ => {}
            }
        }
        if let Some((field, _)) = KNOWN.iter().find(|(field, _)| field.to_string() == plain) {
            return Ok(field.clone());
        }
        match plain.as_str() {
            "genre" => return Ok(Self::Genres),
            "artist" => return Ok(Self::Artists),
            "year" => return Ok(Self::Value(value::RELEASE_YEAR.to_owned())),
            "vector" => return Ok(Self::Vector(DEFAULT_VECTOR.to_owned())),
            "ignore" => return Ok(Self::Ignore),
            name if value::ALL.contains(&name) => return Ok(Self::Value(name.to_owned())),
            _ => {}
        }
        Err(MappingError::UnknownField { given: text.trim().to_owned() })
    }
}

/// One `--map COLUMN=FIELD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The column's name as the file has it.
    pub column: String,
    /// What it gives.
    pub field: Field,
}

impl FromStr for Mapping {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        // Fields have no '='; columns may.
        let (column, field) =
            text.rsplit_once('=').ok_or_else(|| MappingError::Form { given: text.to_owned() })?;
        if column.trim().is_empty() || field.trim().is_empty() {
            return Err(MappingError::Form { given: text.to_owned() });
        }
        Ok(Self { column: column.trim().to_owned(), field: field.parse()? })
    }
}

/// Refuses mappings that contradict each other.
pub fn check_mappings(mappings: &[Mapping]) -> Result<(), MappingError> {
    for (i, mapping) in mappings.iter().enumerate() {
        let earlier = &mappings[..i];
        let many = matches!(mapping.field, Field::Genres | Field::Ignore);
        if earlier.iter().any(|other| other.column == mapping.column) {
            return Err(MappingError::Twice { what: format!("the column {:?}", mapping.column) });
        }
        if !many && earlier.iter().any(|other| other.field == mapping.field) {
            return Err(MappingError::Twice { what: format!("the field {}", mapping.field) });
        }
    }
    Ok(())
}
