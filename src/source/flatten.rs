//! Objects as rows: nested objects are flattened (`audio_features.energy`, `album.name`), and of a list of objects the
//! names, ids and addresses are taken (`artists.name`, `artists.id`, `album.images.url`): the shape of Spotify's own track
//! objects.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Map, Value};

use super::Cell;

/// More different keys than this are not rows of a table.
pub(super) const MAX_COLUMNS: usize = 4096;
/// What is taken of the objects in a list.
const PARTS: [&str; 3] = ["name", "id", "url"];
/// How deep objects are flattened.
const MAX_DEPTH: usize = 3;

/// The keys seen so far, flattened; each keeps its place.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    names: Vec<String>,
    index: HashMap<String, usize>,
}

impl Columns {
    /// Their names, in order of first appearance.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The object's values in the order of the columns, or `None` when there are too many of those.
    pub fn flatten(&mut self, object: Map<String, Value>) -> Option<Vec<Cell<'static>>> {
        let mut cells = vec![Cell::Missing; self.names.len()];
        self.flatten_into(object, "", 0, &mut cells).then_some(cells)
    }

    fn flatten_into(
        &mut self,
        object: Map<String, Value>,
        prefix: &str,
        depth: usize,
        cells: &mut Vec<Cell<'static>>,
    ) -> bool {
        for (key, value) in object {
            let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            let fits = match value {
                Value::Object(inner) if depth < MAX_DEPTH => {
                    self.flatten_into(inner, &name, depth + 1, cells)
                }
                Value::Array(items) if is_list_of_objects(&items) => PARTS.iter().all(|part| {
                    let parts: Vec<_> = items.iter().filter_map(|item| item.get(part)).cloned().collect();
                    parts.is_empty() || self.set(format!("{name}.{part}"), cell(Value::Array(parts)), cells)
                }),
                value => self.set(name, cell(value), cells),
            };
            if !fits {
                return false;
            }
        }
        true
    }

    fn set(&mut self, name: String, cell: Cell<'static>, cells: &mut Vec<Cell<'static>>) -> bool {
        let at = match self.index.get(&name) {
            Some(at) => *at,
            None if self.names.len() == MAX_COLUMNS => return false,
            None => {
                self.index.insert(name.clone(), self.names.len());
                self.names.push(name);
                cells.push(Cell::Missing);
                self.names.len() - 1
            }
        };
        cells[at] = cell;
        true
    }
}

/// Whether a list holds objects with something to take; lists of anything else stay as they are.
fn is_list_of_objects(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| PARTS.iter().any(|part| item.get(part).is_some()))
}

fn cell(value: Value) -> Cell<'static> {
    match value {
        Value::Null => Cell::Missing,
        Value::Bool(value) => Cell::Bool(value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Cell::Int(whole),
            (None, Some(float)) => Cell::Float(float),
            (None, None) => Cell::Other(Value::Number(number)),
        },
        Value::String(text) => Cell::Text(Cow::Owned(text)),
        Value::Array(items) => Cell::List(items.into_iter().map(cell).collect()),
        other @ Value::Object(_) => Cell::Other(other),
    }
}
