//! Answers through the cache. What is computed here is what [`super::similar`] computes without it, byte by byte.

use std::sync::Arc;
use std::time::Instant;

use crate::cache::{ExplanationKeys, Key, Seen, Trace, Value};
use crate::index::Hit;
use crate::query::{Answer, Plan};
use crate::track::ItemIdx;

use super::pieces::Pieces;
use super::problem::Problem;
use super::similar::{Work, run};
use super::state::State;

/// The answer to `work`, and what the cache did.
pub(super) async fn answer(state: &State, work: Work, started: Instant) -> Result<(Pieces, Seen), Problem> {
    let trace = Trace::default();
    state.cache().follow(work.served.identity());
    let key = Key::of_answer(work.served.identity(), &work.prepared, &work.plan);
    let estimated_us = work.estimated_us;
    let work = Arc::new(work);
    let computed = async {
        let pieces = compute(state, &work, &trace, started).await?;
        Ok::<Value, Problem>(Arc::clone(pieces.value()))
    };
    let value = state.cache().answer(&key, estimated_us, &trace, computed).await;
    let pieces = match Pieces::read(value.map_err(|problem| Problem::clone(&problem))?) {
        Some(pieces) => pieces,
        // What bears our seal and our version are pieces, unless somebody changed their form and not the version.
        None => compute(state, &work, &trace, started).await?,
    };
    Ok((pieces, trace.seen()))
}

async fn compute(
    state: &State,
    work: &Arc<Work>,
    trace: &Trace,
    started: Instant,
) -> Result<Pieces, Problem> {
    let (engine, pieces) = match work.prepared.explain {
        false => plain(work).await?,
        true => explained(state, work, trace).await?,
    };
    state.metrics().searched(engine, work.prepared.is_auto(), started.elapsed());
    Ok(pieces)
}

/// The engine's name, and what it found.
type Computed = (&'static str, Pieces);

async fn plain(work: &Arc<Work>) -> Result<Computed, Problem> {
    let job = {
        let work = Arc::clone(work);
        move || {
            let (plan, hits) = work.find()?;
            show(&work, plan, &hits, &[])
        }
    };
    run(work.estimated_us, job).await
}

async fn explained(state: &State, work: &Arc<Work>, trace: &Trace) -> Result<Computed, Problem> {
    let (plan, hits) = {
        let work = Arc::clone(work);
        let estimated_us = work.estimated_us;
        run(estimated_us, move || Ok(work.find()?)).await?
    };
    let keys = ExplanationKeys::of(work.served.identity(), &work.prepared);
    let items: Vec<ItemIdx> = hits.iter().map(|hit| hit.item).collect();
    let known = state.cache().explanations(&keys, &items, trace).await;
    let job = {
        let (work, values) = (Arc::clone(work), known.values.clone());
        move || {
            let explanations = complete(&work, &hits, values)?;
            Ok((show(&work, plan, &hits, &explanations)?, explanations))
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

fn show(work: &Work, plan: Plan, hits: &[Hit], explanations: &[Value]) -> Result<Computed, Problem> {
    let snapshot = &work.served.snapshot;
    let engine = plan.engine.name();
    let results = work.prepared.show_plain(snapshot, hits, 0)?;
    let mut answer = Answer::new(snapshot, &work.prepared, plan, results, Default::default());
    Ok((engine, Pieces::of(&mut answer, explanations)?))
}
