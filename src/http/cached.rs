//! Answers through the cache. What is computed here is what [`super::similar`] computes without it, byte by byte.

use std::sync::Arc;
use std::time::Instant;

use actix_web::web;

use crate::cache::{ExplanationKeys, Key, Seen, Trace, Value};
use crate::index::Hit;
use crate::query::{Answer, Plan, Ranking};
use crate::track::ItemIdx;

use super::pieces::Pieces;
use super::problem::Problem;
use super::similar::{Work, run};
use super::state::State;

/// The answer to `work`, and what the cache did.
pub(super) async fn answer(
    state: &web::Data<State>,
    work: Work,
    started: Instant,
) -> Result<(Pieces, Seen), Problem> {
    let trace = Arc::new(Trace::default());
    // Requests that began on another generation end on it after a swap, and must not turn the cache back.
    state.cache().follow(state.served().identity());
    let key = Key::of_answer(work.served.identity(), &work.prepared, &work.plan);
    let work = Arc::new(work);
    let value = match state.cache().here(&key, &trace).await {
        Some(value) => value,
        None => {
            let found = find(state.clone().into_inner(), key, Arc::clone(&work), Arc::clone(&trace), started);
            // On its own: when the client goes away, others may wait for the same, or ask for it again.
            tokio::spawn(found).await.map_err(|error| Problem::internal(&error))??
        }
    };
    let pieces = match Pieces::read(value) {
        Some(pieces) => pieces,
        // What bears our seal and our version are pieces, unless somebody changed their form and not the version.
        None => compute(&state.clone().into_inner(), &work, &trace, started).await?,
    };
    Ok((pieces, trace.seen()))
}

/// The answer to `work` from whoever else is at it, from Redis, or computed and kept.
async fn find(
    state: Arc<State>,
    key: Key,
    work: Arc<Work>,
    trace: Arc<Trace>,
    started: Instant,
) -> Result<Value, Problem> {
    let computed = async {
        let pieces = compute(&state, &work, &trace, started).await?;
        Ok::<Value, Problem>(Arc::clone(pieces.value()))
    };
    let value = state.cache().answer(&key, work.estimated_us, &trace, computed).await;
    value.map_err(|problem| Problem::clone(&problem))
}

async fn compute(
    state: &Arc<State>,
    work: &Arc<Work>,
    trace: &Trace,
    started: Instant,
) -> Result<Pieces, Problem> {
    let (engine, pieces) = match work.prepared.explain {
        false => plain(state, work).await?,
        true => explained(state, work, trace).await?,
    };
    state.metrics().searched(engine, work.prepared.is_auto(), started.elapsed());
    Ok(pieces)
}

/// The engine's name, and what it found.
type Computed = (&'static str, Pieces);

async fn plain(state: &Arc<State>, work: &Arc<Work>) -> Result<Computed, Problem> {
    let job = {
        let (state, work) = (Arc::clone(state), Arc::clone(work));
        move || {
            let (plan, ranking) = work.find(&state)?;
            show(&work, plan, &ranking, &[])
        }
    };
    run(work.estimated_us, job).await
}

async fn explained(state: &Arc<State>, work: &Arc<Work>, trace: &Trace) -> Result<Computed, Problem> {
    let (plan, ranking) = {
        let (state, work) = (Arc::clone(state), Arc::clone(work));
        let estimated_us = work.estimated_us;
        run(estimated_us, move || Ok(work.find(&state)?)).await?
    };
    let keys = ExplanationKeys::of(work.served.identity(), &work.prepared);
    let items: Vec<ItemIdx> = ranking.hits.iter().map(|hit| hit.item).collect();
    let known = state.cache().explanations(&keys, &items, trace).await;
    let job = {
        let (work, values) = (Arc::clone(work), known.values.clone());
        move || {
            let explanations = complete(&work, &ranking.hits, values)?;
            Ok((show(&work, plan, &ranking, &explanations)?, explanations))
        }
    };
    let (computed, explanations) = run(work.estimated_us, job).await?;
    state.cache().keep_explanations(&keys, &items, &explanations, known).await;
    Ok(computed)
}

/// The explanations of `hits`, those that are not `known` computed.
fn complete(work: &Work, hits: &[Hit], known: Vec<Option<Value>>) -> Result<Vec<Value>, Problem> {
    let explain = work.prepared.explainer(&work.served.snapshot);
    let complete = |(hit, known): (&Hit, Option<Value>)| match known {
        Some(explanation) => Ok(explanation),
        None => {
            let json = serde_json::to_vec(&explain(hit.item));
            Ok(json.map_err(|error| Problem::internal(&error))?.into())
        }
    };
    hits.iter().zip(known).map(complete).collect()
}

fn show(work: &Work, plan: Plan, ranking: &Ranking, explanations: &[Value]) -> Result<Computed, Problem> {
    let snapshot = &work.served.snapshot;
    let engine = plan.engine.name();
    let results = work.prepared.show_plain(snapshot, ranking, 0..ranking.hits.len())?;
    let mut answer = Answer::new(snapshot, &work.prepared, plan, results, Default::default());
    Ok((engine, Pieces::of(&mut answer, explanations)?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::poll;
    use tempfile::TempDir;

    use super::*;
    use crate::artifact::SnapshotDir;
    use crate::cache::{Cache, Outcome, Settings as CacheSettings};
    use crate::http::Settings;
    use crate::live::sample;
    use crate::query::Prepared;

    /// A server of a few tracks, without the server.
    fn serving() -> (TempDir, SnapshotDir, web::Data<State>) {
        let (indexes, directory, live) = sample::serving(200);
        let state = State::new(live, indexes.path(), Settings::default()).unwrap();
        let state = state.with_cache(Cache::new(&CacheSettings::default()).unwrap());
        (indexes, directory, web::Data::new(state))
    }

    /// A query that is searched for on the blocking pool.
    fn work(state: &State, k: usize) -> Work {
        let served = state.served();
        let request = serde_json::json!({"targets": {"energy": 0.5}, "k": k, "explain": true});
        let request = serde_json::from_value(request).unwrap();
        let prepared = Prepared::new(&served.snapshot, &request).unwrap();
        let plan = prepared.plan(&served.snapshot, prepared.depth());
        Work { served, prepared, plan, estimated_us: 1e6 }
    }

    async fn seen(state: &web::Data<State>, work: Work) -> Option<Outcome> {
        answer(state, work, Instant::now()).await.unwrap().1.local
    }

    // One thread runs all of them, in the order in which they come.
    #[tokio::test]
    async fn what_a_client_that_goes_away_asked_for_is_computed_for_the_others() {
        let (_indexes, _, state) = serving();
        let mut gone = Box::pin(answer(&state, work(&state, 5), Instant::now()));
        assert!(poll!(&mut gone).is_pending());
        let mut waiting = Box::pin(answer(&state, work(&state, 5), Instant::now()));
        assert!(poll!(&mut waiting).is_pending());
        // Both are on their way, the first computes.
        tokio::task::yield_now().await;
        drop(gone);
        assert_eq!(waiting.await.unwrap().1.local, Some(Outcome::Collapsed));
        // Where nobody waits, the next who asks finds it.
        let mut gone = Box::pin(answer(&state, work(&state, 6), Instant::now()));
        assert!(poll!(&mut gone).is_pending());
        drop(gone);
        let started = Instant::now();
        let Work { served, prepared, plan, .. } = work(&state, 6);
        let key = Key::of_answer(served.identity(), &prepared, &plan);
        while state.cache().here(&key, &Trace::default()).await.is_none() {
            assert!(started.elapsed() < Duration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn requests_that_end_on_what_was_served_before_leave_the_cache_alone() {
        let (_indexes, directory, state) = serving();
        let (before, also_before) = (work(&state, 5), work(&state, 6));
        let best = state.served().snapshot.items().id(ItemIdx(0)).into_owned();
        assert_eq!(seen(&state, before).await, Some(Outcome::Miss));
        directory.note_removed(&[crate::track::TrackId::parse(&best).unwrap()]).unwrap();
        state.live().apply_removals();
        assert_ne!(state.served().identity(), also_before.served.identity());
        assert_eq!(seen(&state, work(&state, 5)).await, Some(Outcome::Miss), "it is another answer");
        assert_eq!(seen(&state, also_before).await, Some(Outcome::Miss));
        assert_eq!(seen(&state, work(&state, 5)).await, Some(Outcome::Hit));
    }
}
