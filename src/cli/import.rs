//! `nearfield import`.
use super::{Context, Failure};
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {}
pub(super) fn run(_args: ImportArgs, _context: &Context) -> Result<(), Failure> {
    Ok(())
}
