//! The Annoy-style forest: arroy over the default metric, over-fetched and re-ranked under the query's weights.
//!
//! `forest.mdb` is one compacted LMDB file, opened read-only and without a lock. LMDB trusts its pages, so the file is
//! checksummed whole before LMDB sees it; that happens in the background while the engine reports that it is loading.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, LazyLock, Mutex, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use arroy::distances::Cosine;
use arroy::internals::{KeyCodec, NodeCodec};
use arroy::{Database, Reader, Writer};
use heed::{CommitOrAbort, CompactionOption, Env, EnvFlags, EnvOpenOptions, WithoutTls};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::artifact::{ArtifactError, FileEntry, read_checked};
use crate::content::Vectors;
use crate::distance::Isa;
use crate::progress::{CancelToken, Progress};

use super::candidates::{rescore, scan_rows};
use super::{BuildMetric, Engine, EngineError, EngineKind, Found, SearchRequest};

pub(crate) const FOREST_FILE: &str = "forest.mdb";

const INDEX: u16 = 0;
/// Below this share of accepted items scoring them one by one is cheaper than asking the trees.
const GATHER_SHARE: usize = 16;

/// How to build a forest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ForestParameters {
    /// Number of trees.
    pub trees: usize,
    /// Seed of the splits.
    pub seed: u64,
}

/// Why no forest came about.
#[derive(Debug, thiserror::Error)]
pub enum ForestError {
    /// arroy or LMDB failed.
    #[error("cannot build the forest: {0}")]
    Arroy(#[from] arroy::Error),
    /// The operating system refused.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The work was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] crate::progress::Cancelled),
}

impl From<heed::Error> for ForestError {
    fn from(error: heed::Error) -> Self {
        Self::Arroy(error.into())
    }
}

/// Builds the forest over `points`, `[n_items, stride]` of `dim` dimensions in storage order, and writes `forest.mdb`
/// into `directory`; its ids are positions. Runs in the current rayon pool.
pub(crate) fn build_forest(
    directory: &Path,
    points: &[f32],
    stride: usize,
    dim: usize,
    parameters: ForestParameters,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<(), ForestError> {
    let n_items = points.len() / stride;
    let work = tempfile::Builder::new().prefix(".staging-forest").tempdir_in(directory);
    let work = work.map_err(ArtifactError::io("create a directory in", directory))?;
    let mut options = EnvOpenOptions::new();
    options.map_size(map_bytes(n_items, dim, parameters.trees));
    // SAFETY: the directory was just made for this build and nobody else knows of it.
    let env: Env = unsafe { options.open(work.path()) }?;
    let database = create_database(&env)?;
    let mut transaction = env.write_txn()?;
    let mut writer = Writer::new(database, INDEX, dim);
    writer.set_tmpdir(work.path());
    let phase = progress.phase("forest: items", n_items as u64, "tracks");
    for (position, point) in points.chunks_exact(stride).enumerate() {
        if position % 4096 == 0 {
            cancel.check()?;
            phase.set(position as u64);
        }
        writer.append_item(&mut transaction, position as u32, &point[..dim])?;
    }
    drop(phase);
    let phase = progress.phase("forest: trees", parameters.trees as u64, "trees");
    let mut rng = StdRng::seed_from_u64(parameters.seed);
    let report = |step: arroy::WriterProgress| {
        if let Some(sub) = step.sub.filter(|sub| sub.unit.contains("tree")) {
            phase.set(u64::from(sub.current.load(std::sync::atomic::Ordering::Relaxed)));
        }
    };
    let built = writer
        .builder(&mut rng)
        .n_trees(parameters.trees)
        .cancel(|| cancel.is_cancelled())
        .progress(report)
        .build(&mut transaction);
    match built {
        Err(arroy::Error::BuildCancelled) => cancel.check()?,
        other => other?,
    }
    transaction.commit()?;
    let file = env.copy_to_path(directory.join(FOREST_FILE), CompactionOption::Enabled)?;
    file.sync_all().map_err(ArtifactError::io("sync", &directory.join(FOREST_FILE)))?;
    drop(file);
    env.prepare_for_closing().wait();
    work.close().map_err(ArtifactError::io("clean up", directory))?;
    Ok(())
}

/// Address space for the build: items and trees with room to spare; only what is used becomes a file.
fn map_bytes(n_items: usize, dim: usize, trees: usize) -> usize {
    let item = 128 + 8 * dim;
    let tree_share = 64 + 2 * dim;
    let bytes = (64 << 20) + n_items.saturating_mul(4 * item + 4 * trees * tree_share);
    bytes.next_multiple_of(1 << 20)
}

/// Whether the forest can answer yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForestState {
    /// Its file is still being checksummed.
    Loading,
    /// It answers.
    Ready,
    /// It failed its verification.
    Unusable,
}

/// A verified, open forest.
struct Trees {
    env: Env<WithoutTls>,
    database: Database<'static, Cosine>,
}

/// LMDB opens a file once in a process: whoever opens a generation again shares what is open.
static OPEN: LazyLock<Mutex<HashMap<PathBuf, Weak<Trees>>>> = LazyLock::new(Mutex::default);

type Opened = Result<Arc<Trees>, String>;

#[derive(Default)]
struct Loading {
    opened: OnceLock<Opened>,
    done: Mutex<bool>,
    wake: Condvar,
}

/// The forest engine of an open generation.
pub struct Forest {
    loading: Arc<Loading>,
    metric: BuildMetric,
}

impl std::fmt::Debug for Forest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Forest({:?})", self.state())
    }
}

impl Forest {
    /// Begins to verify the file in the background and returns at once.
    pub(crate) fn open(
        path: PathBuf,
        entry: FileEntry,
        metric: BuildMetric,
        n_items: usize,
    ) -> Result<Self, ArtifactError> {
        let bytes = std::fs::metadata(&path).map_err(ArtifactError::io("open", &path))?.len();
        if bytes != entry.bytes {
            return Err(ArtifactError::damaged(
                &path,
                "length",
                format!("{} bytes", entry.bytes),
                format!("{bytes} bytes"),
            ));
        }
        let loading = Arc::new(Loading::default());
        let dim = metric.dim();
        let (inner, for_error) = (Arc::clone(&loading), path.clone());
        let verify = move || {
            // Whoever waits must learn of a panic too.
            let opened = catch_unwind(AssertUnwindSafe(|| open_checked(&path, &entry, dim, n_items)))
                .unwrap_or_else(|_| Err("reading it panicked".into()));
            // Nobody else sets it.
            let _ = inner.opened.set(opened);
            *inner.done.lock().unwrap_or_else(PoisonError::into_inner) = true;
            inner.wake.notify_all();
        };
        thread::Builder::new()
            .name("forest".into())
            .spawn(verify)
            .map_err(ArtifactError::io("start a thread for", &for_error))?;
        Ok(Self { loading, metric })
    }

    /// Whether it can answer yet.
    pub fn state(&self) -> ForestState {
        match self.loading.opened.get() {
            None => ForestState::Loading,
            Some(Ok(_)) => ForestState::Ready,
            Some(Err(_)) => ForestState::Unusable,
        }
    }

    /// Waits until the verification is over.
    pub fn wait(&self) -> Result<(), EngineError> {
        let mut done = self.loading.done.lock().unwrap_or_else(PoisonError::into_inner);
        while !*done {
            done = self.loading.wake.wait(done).unwrap_or_else(PoisonError::into_inner);
        }
        self.trees().map(|_| ())
    }

    fn trees(&self) -> Result<&Trees, EngineError> {
        match self.loading.opened.get() {
            None => Err(EngineError::Loading(EngineKind::Forest)),
            Some(Ok(trees)) => Ok(trees),
            Some(Err(problem)) => Err(unusable(problem)),
        }
    }

    /// Positions of the `count` nearest items in the forest's metric, looking at `effort` nodes.
    fn nearest(&self, point: &[f32], count: usize, effort: usize) -> Result<Vec<u32>, EngineError> {
        let trees = self.trees()?;
        let search = || -> Result<Vec<u32>, arroy::Error> {
            let transaction = trees.env.read_txn()?;
            let reader = Reader::open(&transaction, INDEX, trees.database)?;
            let mut query = reader.nns(count);
            if let Some(effort) = NonZeroUsize::new(effort) {
                query.search_k(effort);
            }
            let found = query.by_vector(&transaction, point)?;
            Ok(found.into_iter().map(|(position, _)| position).collect())
        };
        search().map_err(unusable)
    }
}

fn unusable(problem: impl ToString) -> EngineError {
    EngineError::Unusable { engine: EngineKind::Forest, problem: problem.to_string() }
}

fn create_database(env: &Env) -> Result<Database<'static, Cosine>, heed::Error> {
    let created = env.create_databases_and_commit(env.write_txn()?, |opener, transaction| {
        opener.create_database(transaction, None).map(CommitOrAbort::<_, ()>::Commit)
    })?;
    Ok(created.unwrap_commit())
}

fn open_database(env: &Env<WithoutTls>) -> Result<Option<Database<'static, Cosine>>, heed::Error> {
    let opened = env.open_databases_and_commit(env.read_txn()?, |opener, transaction| {
        let options = opener.database_options().types::<KeyCodec, NodeCodec<Cosine>>();
        options.open(transaction).map(CommitOrAbort::<_, ()>::Commit)
    })?;
    Ok(opened.unwrap_commit())
}

fn open_checked(path: &Path, entry: &FileEntry, dim: usize, n_items: usize) -> Opened {
    read_checked(path, entry).map_err(|error| error.to_string())?;
    let trees = open_shared(path, entry).map_err(|error| error.to_string())?;
    let check = || -> Result<(usize, u64), arroy::Error> {
        let transaction = trees.env.read_txn()?;
        let reader = Reader::open(&transaction, INDEX, trees.database)?;
        Ok((reader.dimensions(), reader.n_items()))
    };
    let found = check().map_err(|error| error.to_string())?;
    if found != (dim, n_items as u64) {
        return Err(format!("it has {} dimensions and {} items, not {dim} and {n_items}", found.0, found.1));
    }
    Ok(trees)
}

fn open_shared(path: &Path, entry: &FileEntry) -> Result<Arc<Trees>, Box<dyn std::error::Error>> {
    let path = path.canonicalize()?;
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    open.retain(|_, trees| trees.strong_count() > 0);
    if let Some(trees) = open.get(&path).and_then(Weak::upgrade) {
        return Ok(trees);
    }
    if let Some(closing) = heed::env_closing_event(&path) {
        // Its last user has just let go of it.
        closing.wait_timeout(Duration::from_secs(10));
    }
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    // Nobody writes, so readers need no table; the map must cover the file.
    options.map_size((entry.bytes as usize).next_multiple_of(1 << 20));
    // SAFETY: the file's checksum is the one it was published with, and a published file is never changed, so
    // LMDB sees the pages it wrote. Without writers no lock is needed.
    let env = unsafe {
        options.flags(EnvFlags::NO_SUB_DIR | EnvFlags::READ_ONLY | EnvFlags::NO_LOCK);
        options.open(&path)
    }?;
    let database = open_database(&env)?.ok_or("it holds no database")?;
    let trees = Arc::new(Trees { env, database });
    open.insert(path, Arc::downgrade(&trees));
    Ok(trees)
}

impl Engine for Forest {
    fn kind(&self) -> EngineKind {
        EngineKind::Forest
    }

    /// `request.effort` is arroy's `search_k`: how many candidates the trees give, all of which are re-ranked.
    fn search(&self, vectors: &Vectors, request: &SearchRequest<'_>) -> Result<Found, EngineError> {
        let n_accepted = request.n_accepted(vectors.len());
        self.trees()?;
        if n_accepted <= vectors.len() / GATHER_SHARE {
            let hits = scan_rows(Isa::best(), vectors, request);
            return Ok(Found { hits, n_scored: n_accepted });
        }
        // A filter takes its share of what is fetched; the planner's effort allows for that already.
        let least = (request.k + request.excluded.len()).saturating_mul(vectors.len()) / n_accepted.max(1);
        let effort = request.effort.max(least);
        let fetched = self.nearest(&self.metric.point(request.query.vector()), effort, effort)?;
        let n_scored = fetched.len();
        // Ids were checked against the catalogue's size when the forest was opened.
        let n_items = vectors.len() as u32;
        let accepts = |position: &u32| *position < n_items && request.accepts(vectors, *position);
        let accepted: Vec<u32> = fetched.into_iter().filter(accepts).collect();
        let hits = rescore(Isa::best(), vectors, request.query, request.k, &accepted);
        Ok(Found { hits, n_scored })
    }
}
