//! `nearfield export`: the vectors as a NumPy array, the ids as text.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::manual::examples;
use super::{Context, Failure, SnapshotFlags, print_line};
use crate::artifact::ArtifactError;
use crate::snapshot::Snapshot;
use crate::track::ItemIdx;

/// Transformed, unweighted, unanchored vectors: float32, [n_items, dim], in the order of the ids.
#[derive(Debug, clap::Args)]
#[command(after_help = examples(&[
    ("For NumPy", "nearfield export --vectors vectors.npy --ids ids.txt"),
]))]
pub(super) struct ExportArgs {
    #[command(flatten)]
    snapshot: SnapshotFlags,
    /// Where the array goes (.npy)
    #[arg(long, value_name = "FILE.npy")]
    vectors: PathBuf,
    /// Where the ids go, one a line
    #[arg(long, value_name = "FILE.txt")]
    ids: PathBuf,
}

pub(super) fn run(args: ExportArgs, context: &Context) -> Result<(), Failure> {
    let snapshot = Snapshot::open(&args.snapshot.indexes, &args.snapshot.name, None)?;
    check_targets(&snapshot, [&args.vectors, &args.ids])?;
    let n_items = snapshot.items().len();
    let phase = context.progress.phase("export", n_items as u64, "tracks");
    let rows = (0..n_items as u32).map(ItemIdx);
    write_file(&args.vectors, |file| {
        file.write_all(&npy_header(n_items, snapshot.vectors().dim()))?;
        for item in rows.clone() {
            file.write_all(bytemuck::cast_slice(snapshot.vectors().row(item)))?;
            phase.advance(1);
        }
        Ok(())
    })?;
    write_file(&args.ids, |file| {
        rows.clone().try_for_each(|item| writeln!(file, "{}", snapshot.items().id(item)))
    })?;
    drop(phase);
    print_line(format_args!(
        "{n_items} vectors of {} dimensions in {}, their ids in {}",
        snapshot.vectors().dim(),
        args.vectors.display(),
        args.ids.display()
    ))
}

/// Refuses to write both exports to one file, or into the snapshot that is being read.
fn check_targets(snapshot: &Snapshot, targets: [&PathBuf; 2]) -> Result<(), Failure> {
    let resolved = targets.map(|target| {
        let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        Some(directory.canonicalize().ok()?.join(target.file_name()?))
    });
    if targets[0] == targets[1] || (resolved[0].is_some() && resolved[0] == resolved[1]) {
        let path = targets[0].display();
        return Err(Failure::Usage(format!("--vectors and --ids both name {path}; they need a file each")));
    }
    // The generation's neighbours count too: CURRENT and the other generations lie beside it.
    let generation = snapshot.directory().canonicalize().unwrap_or_else(|_| snapshot.directory().to_owned());
    let inside = generation.parent().unwrap_or(&generation);
    for (target, resolved) in targets.iter().zip(&resolved) {
        let links_to = target.canonicalize().is_ok_and(|path| path.starts_with(inside));
        if links_to || resolved.as_ref().is_some_and(|path| path.starts_with(inside)) {
            let path = target.display();
            return Err(Failure::Usage(format!(
                "{path} lies inside the snapshot being exported; its files are never changed: choose another place"
            )));
        }
    }
    Ok(())
}

/// Writes beside `path` and renames, so that a failure leaves what was there; a pipe or device is written to as it is.
fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> std::io::Result<()>,
) -> Result<(), ArtifactError> {
    let written = |file: &File| {
        let mut file = BufWriter::new(file);
        write(&mut file).and_then(|()| file.flush())
    };
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        let file = File::options().write(true).open(path).map_err(ArtifactError::io("open", path))?;
        return written(&file).map_err(ArtifactError::io("write", path));
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let file = File::create(&part).map_err(ArtifactError::io("create", &part))?;
    let done = written(&file).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&part, path));
    done.map_err(|error| {
        // The half file is of no use; if it cannot be removed either, the error below still says what happened.
        let _ = fs::remove_file(&part);
        ArtifactError::io("write", path)(error)
    })
}

/// The head of a version 1.0 `.npy` file of little-endian f32 in C order (NumPy enhancement proposal 1).
fn npy_header(n_rows: usize, n_columns: usize) -> Vec<u8> {
    const PREFIX: usize = 10;
    let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n_rows}, {n_columns}), }}")
        .into_bytes();
    // The data begins at a multiple of 64, after a newline.
    text.resize((PREFIX + text.len() + 1).next_multiple_of(64) - PREFIX - 1, b' ');
    text.push(b'\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((text.len() as u16).to_le_bytes());
    header.extend(text);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_aligned_and_says_its_length() {
        let header = npy_header(254_179, 16);
        assert_eq!(header.len() % 64, 0);
        assert_eq!(usize::from(u16::from_le_bytes([header[8], header[9]])), header.len() - 10);
        assert!(header.ends_with(b"\n"));
        assert!(String::from_utf8_lossy(&header).contains("(254179, 16)"));
    }
}
