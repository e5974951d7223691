//! `.npy` files of two dimensions, C order, little-endian (NumPy enhancement proposal 1).

use std::fs;
use std::path::Path;

use bytemuck::Pod;

use super::Failed;

/// Bytes before the text of a version 1.0 header.
const PREFIX: usize = 10;

/// A number type with its NumPy name.
pub trait Element: Pod {
    /// Such as `<f4`.
    const DESCR: &'static str;
}

impl Element for f32 {
    const DESCR: &'static str = "<f4";
}
impl Element for f64 {
    const DESCR: &'static str = "<f8";
}
impl Element for i32 {
    const DESCR: &'static str = "<i4";
}
impl Element for u8 {
    const DESCR: &'static str = "|u1";
}

/// A matrix, `[n_rows, n_columns]`.
#[derive(Clone, Debug)]
pub struct Matrix<T> {
    pub n_rows: usize,
    pub n_columns: usize,
    values: Vec<T>,
}

impl<T: Element> Matrix<T> {
    /// Takes `values`, `[n_rows, n_columns]`.
    pub fn new(n_columns: usize, values: Vec<T>) -> Self {
        Self { n_rows: values.len() / n_columns.max(1), n_columns, values }
    }

    /// One row, `[n_columns]`.
    pub fn row(&self, row: usize) -> &[T] {
        &self.values[row * self.n_columns..(row + 1) * self.n_columns]
    }

    /// Reads `path`, which must hold this type.
    pub fn read(path: &Path) -> Result<Self, Failed> {
        let wrong = |what: &str| format!("{}: {what}", path.display());
        let bytes = fs::read(path).map_err(|error| wrong(&error.to_string()))?;
        if bytes.len() < PREFIX || !bytes.starts_with(b"\x93NUMPY\x01\x00") {
            return Err(wrong("no .npy file of version 1.0").into());
        }
        let body = PREFIX + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let header = bytes.get(PREFIX..body).ok_or_else(|| wrong("its header is cut off"))?;
        let header = String::from_utf8_lossy(header);
        if !header.contains(T::DESCR) || !header.contains("'fortran_order': False") {
            return Err(wrong(&format!("expected {} in C order, got {header}", T::DESCR)).into());
        }
        let shape = header.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')'));
        let shape = shape.map(|(shape, _)| shape.split(',').map(str::trim).filter(|part| !part.is_empty()));
        let shape: Vec<usize> = shape
            .map(|parts| parts.map(str::parse).collect::<Result<_, _>>())
            .transpose()?
            .unwrap_or_default();
        let [n_rows, n_columns] = shape[..] else {
            return Err(wrong(&format!("expected two dimensions, got {header}")).into());
        };
        let values: Vec<T> = bytemuck::pod_collect_to_vec(&bytes[body..]);
        if values.len() != n_rows * n_columns {
            return Err(wrong("its length is not that of its shape").into());
        }
        Ok(Self { n_rows, n_columns, values })
    }

    /// Writes `path`.
    pub fn write(&self, path: &Path) -> Result<(), Failed> {
        write(path, &format!("({}, {})", self.n_rows, self.n_columns), &self.values)
    }
}

/// Writes `values` of the given shape, such as `(3, 4)`, to `path`.
pub fn write<T: Element>(path: &Path, shape: &str, values: &[T]) -> Result<(), Failed> {
    let descr = T::DESCR;
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}").into_bytes();
    // The data begins at a multiple of 64, after a newline.
    text.resize((PREFIX + text.len() + 1).next_multiple_of(64) - PREFIX - 1, b' ');
    text.push(b'\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text);
    bytes.extend_from_slice(bytemuck::cast_slice(values));
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()).into())
}
