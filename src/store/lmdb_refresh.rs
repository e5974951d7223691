//! What refreshing leaves in an LMDB catalogue: the database `refreshes` by track id, and the worker's state in `meta`.
//!
//! A track and its refresh are written in one transaction, so that after a kill either both are there or neither. The
//! database is made by the first refresh; a catalogue without one opens as it always did.

use std::ops::ControlFlow;

use heed::types::Bytes;
use heed::{Database, RoTxn};

use super::error::RecordError;
use super::lmdb::{self, Shared};
use super::lmdb_env::{REFRESHES, create_database, open_database};
use super::{Refresh, Refreshed, StoreError, record, refresh_record};
use crate::track::{Track, TrackId};

const WORKER_STATE_KEY: &[u8] = b"worker_state";

type Refreshes = Database<'static, Bytes, Bytes>;

impl Shared {
    /// The database of refreshes, if there is one by now.
    pub(super) fn refreshes(&self) -> heed::Result<Option<Refreshes>> {
        if let Some(known) = self.refreshes.get() {
            return Ok(Some(*known));
        }
        let found = open_database(&self.env, REFRESHES)?;
        Ok(found.map(|found| *self.refreshes.get_or_init(|| found)))
    }

    pub(super) fn scan_refreshes(
        &self,
        visit: &mut dyn FnMut(Track, Refresh) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let error = |source| self.failed(source);
        // Before the reading begins: a refresh in it must not be taken for none.
        let refreshes = self.refreshes().map_err(error)?;
        let rtxn = self.env.read_txn().map_err(error)?;
        // Both are in the order of ids, so one pass over each is enough.
        let mut states = refreshes.map(|refreshes| refreshes.iter(&rtxn)).transpose().map_err(error)?;
        let mut next = states.as_mut().and_then(Iterator::next).transpose().map_err(error)?;
        for entry in self.tracks.iter(&rtxn).map_err(error)? {
            let (key, bytes) = entry.map_err(error)?;
            while next.is_some_and(|(id, _)| id < key) {
                next = states.as_mut().and_then(Iterator::next).transpose().map_err(error)?;
            }
            let refresh = match next {
                Some((id, state)) if id == key => decode(id, state)?,
                _ => Refresh::default(),
            };
            if visit(lmdb::decode(key, bytes)?, refresh).is_break() {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn get_refreshes(&self, ids: &[TrackId]) -> Result<Vec<Option<(Track, Refresh)>>, StoreError> {
        let error = |source| self.failed(source);
        let refreshes = self.refreshes().map_err(error)?;
        let rtxn = self.env.read_txn().map_err(error)?;
        let get = |id: &TrackId| {
            let key = id.as_str().as_bytes();
            let Some(bytes) = self.tracks.get(&rtxn, key).map_err(error)? else { return Ok(None) };
            let track = lmdb::decode(key, bytes)?;
            let state = refreshes.map(|refreshes| refreshes.get(&rtxn, key)).transpose().map_err(error)?;
            let refresh = state.flatten().map(|bytes| decode(key, bytes)).transpose()?;
            Ok(Some((track, refresh.unwrap_or_default())))
        };
        ids.iter().map(get).collect()
    }

    pub(super) fn record_refreshes(&self, refreshed: Vec<Refreshed>) -> Result<u64, StoreError> {
        let error = |source| self.failed(source);
        let refreshes = match self.refreshes().map_err(error)? {
            Some(refreshes) => refreshes,
            None => {
                let made = create_database(&self.env, REFRESHES).map_err(error)?;
                *self.refreshes.get_or_init(|| made)
            }
        };
        let mut wtxn = self.env.write_txn().map_err(error)?;
        let (mut n_written, mut bytes) = (0, Vec::new());
        for Refreshed { track, refresh } in refreshed {
            let id = track.id.clone();
            let key = id.as_str().as_bytes();
            let Some(stored) = self.tracks.get(&wtxn, key).map_err(error)? else { continue };
            let (mut known, run) = record::decode(key, stored)
                .map_err(|source| StoreError::Record { id: id.to_string(), source })?;
            known.merge(track, false);
            lmdb::encode(&known, run, &mut bytes)?;
            self.tracks.put(&mut wtxn, key, &bytes).map_err(error)?;
            refresh_record::encode(&refresh, &mut bytes)
                .map_err(|source| StoreError::Encode { id: id.clone(), source })?;
            refreshes.put(&mut wtxn, key, &bytes).map_err(error)?;
            n_written += 1;
        }
        wtxn.commit().map_err(error)?;
        self.cover_last_page().map_err(error)?;
        Ok(n_written)
    }

    pub(super) fn worker_state(&self) -> Result<Option<String>, StoreError> {
        let error = |source| self.failed(source);
        let rtxn = self.env.read_txn().map_err(error)?;
        let bytes = self.meta.get(&rtxn, WORKER_STATE_KEY).map_err(error)?;
        // What is not text is not ours; the worker then starts with a clean slate.
        Ok(bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::to_owned))
    }

    pub(super) fn set_worker_state(&self, state: &str) -> Result<(), StoreError> {
        let error = |source| self.failed(source);
        let mut wtxn = self.env.write_txn().map_err(error)?;
        self.meta.put(&mut wtxn, WORKER_STATE_KEY, state.as_bytes()).map_err(error)?;
        wtxn.commit().map_err(error)?;
        self.cover_last_page().map_err(error)
    }
}

/// What is left of a track's refresh once an import gave `newer` for it, where that makes a difference.
pub(super) fn forget(
    refreshes: Refreshes,
    rtxn: &RoTxn<'_, heed::AnyTls>,
    known: &Track,
    newer: &Track,
) -> heed::Result<Option<Vec<u8>>> {
    let Some(bytes) = refreshes.get(rtxn, known.id.as_str().as_bytes())? else { return Ok(None) };
    // A damaged state names no sources that could be wrong; the next refresh replaces it.
    let Ok(mut refresh) = refresh_record::decode(bytes) else { return Ok(None) };
    let mut left = Vec::new();
    let forgotten =
        refresh.forget_changed(known, newer) && refresh_record::encode(&refresh, &mut left).is_ok();
    Ok(forgotten.then_some(left))
}

fn decode(key: &[u8], bytes: &[u8]) -> Result<Refresh, StoreError> {
    let id = || String::from_utf8_lossy(key).into_owned();
    match refresh_record::decode(bytes) {
        Ok(refresh) => Ok(refresh),
        Err(source @ RecordError::Version { .. }) => Err(StoreError::Refresh { id: id(), source }),
        // It says when to ask and whom the values are from; the track itself is whole, and asking again is harmless.
        Err(error) => {
            tracing::warn!(
                "what refreshing left with track {} is damaged ({error}); it counts as never refreshed",
                id()
            );
            Ok(Refresh::default())
        }
    }
}

#[cfg(test)]
#[path = "lmdb_refresh_tests.rs"]
mod tests;
