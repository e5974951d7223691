//! What is wrong with a file of settings: where, and never the text that stands there, which may be a secret.

use std::io;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use crate::suggest;

use super::ConfigFile;

/// Why a file of settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The operating system refused.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// `.env` is not a list of `NAME=value`.
    #[error(
        "{}, {place} is not understood; expected NAME=value, with a value in single quotes where it has spaces, quotes, $ or #",
        path.display()
    )]
    DotEnv {
        /// The file.
        path: PathBuf,
        /// The line, and the variable where it is one of ours.
        place: String,
    },
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("{}, {place} is not valid: {what}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, and the key where it is one of ours.
        place: String,
        /// What is wrong there.
        what: String,
    },
    /// A number outside its range.
    #[error("{}: `{key}` is {got}; expected {} to {}", path.display(), expected.start(), expected.end())]
    Number {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// Its value.
        got: u64,
        /// What is possible.
        expected: RangeInclusive<u64>,
    },
}

impl ConfigError {
    /// That of `.env`, of which `text` was read.
    pub(super) fn dot_env(path: &Path, text: &str, error: dotenvy::Error) -> Self {
        let path = path.to_owned();
        match error {
            dotenvy::Error::Io(cause) => Self::Read { path, cause },
            dotenvy::Error::LineParse(quoted, _) => {
                let place = find(text, &quoted).map(|at| place(text, at, is_our_variable));
                Self::DotEnv { path, place: place.unwrap_or_else(|| "a line".to_owned()) }
            }
            _ => Self::DotEnv { path, place: "a line".to_owned() },
        }
    }

    /// That of `nearfield.toml`, whose text is `text`.
    pub(super) fn toml(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let Range { start, .. } = error.span().unwrap_or_default();
        Self::Parse {
            path: path.to_owned(),
            place: place(text, start, is_our_key),
            what: without_value(error.message()) + &meant(error.message()),
        }
    }
}

/// Where what the parser of `.env` quotes stands: it gives a whole line, or what follows the equals sign, and no line number.
fn find(text: &str, quoted: &str) -> Option<usize> {
    let quoted = quoted.trim();
    text.match_indices(quoted).map(|(at, _)| at).find(|&at| {
        let before = text[..at].rsplit('\n').next().unwrap_or_default().trim();
        let after = text[at + quoted.len()..].lines().next().unwrap_or_default().trim();
        (before.is_empty() || before.ends_with('=') && !before.starts_with('#'))
            && (after.is_empty() || after.starts_with('#'))
    })
}

/// The line of a byte, and what it sets where that is one of ours.
fn place(text: &str, at: usize, is_ours: fn(&str) -> bool) -> String {
    let begin = text.get(..at).map_or(0, |before| before.rfind('\n').map_or(0, |newline| newline + 1));
    let number = text[..begin].matches('\n').count() + 1;
    let line = text[begin..].lines().next().unwrap_or_default();
    let name = line.split('=').next().unwrap_or_default().trim();
    let name = name.strip_prefix("export ").unwrap_or(name).trim();
    match is_ours(name) {
        true => format!("line {number} (`{name}`)"),
        false => format!("line {number}"),
    }
}

fn is_our_variable(name: &str) -> bool {
    let is_plain =
        name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    is_plain
        && (["NEARFIELD_", "SPOTIFY_"].iter().any(|ours| name.starts_with(ours))
            || [super::TOKEN_VARIABLE, super::MONGO_URL_VARIABLE, super::REDIS_VARIABLE].contains(&name))
}

/// Whether a key is known: unlike an unknown one, it is refused for its value or not at all.
fn is_our_key(name: &str) -> bool {
    let is_plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let is_known = |text: &str| {
        toml::from_str::<ConfigFile>(text)
            .err()
            .is_none_or(|error| !error.message().starts_with("unknown field"))
    };
    is_plain && (is_known(&format!("{name} = {{}}")) || is_known(&format!("[worker]\n{name} = {{}}")))
}

/// The key that was probably meant. An unknown one is part of the message anyway.
fn meant(message: &str) -> String {
    match suggest::unknown_field(message) {
        Some((name, _, known)) => suggest::did_you_mean(name, known),
        None => String::new(),
    }
}

/// A message of the parser without the value, which stands in those about types: "invalid type: integer `5`, expected a string".
fn without_value(message: &str) -> String {
    let Some(rest) = message.strip_prefix("invalid ").filter(|rest| rest.contains(": ")) else {
        return message.replace('\n', ", ");
    };
    let (kind, found) = rest.split_once(": ").unwrap_or((rest, ""));
    let found = found.split(['`', '"', ',']).next().unwrap_or_default().trim();
    let expected = rest.rsplit_once(", expected ").map_or("something else", |(_, expected)| expected);
    format!("the {kind} is {found}, expected {expected}")
}
