//! `GET /spotify/v1/search?type=track&q=`: search by title, artist and what the fields of a query ask for.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use crate::content::{TagKind, fold};
use crate::index::ItemSet;
use crate::query::{Bounds, QueryError};
use crate::snapshot::Snapshot;
use crate::track::{ItemIdx, value};

use super::super::problem::Problem;
use super::super::query_string::Parameters;
use super::super::similar::aside;
use super::super::state::State;
use super::genres;
use super::links::Links;
use super::objects::{Objects, Track};
use super::search_query::SearchQuery;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 50;
const TYPE: &str = "track";
/// Different words of a name by which artists are looked for.
const MAX_NAME_WORDS: usize = 16;
/// Tracks whose album one search reads: all of the largest public catalogue.
const MAX_ALBUMS_READ: usize = 300_000;

#[derive(Debug, Serialize)]
struct Found {
    tracks: Page,
}

/// A paging object.
#[derive(Debug, Serialize)]
struct Page {
    href: String,
    items: Vec<Track>,
    limit: usize,
    next: Option<String>,
    offset: usize,
    previous: Option<String>,
    total: usize,
}

/// What was asked for.
#[derive(Debug)]
struct Asked {
    q: String,
    query: SearchQuery,
    limit: usize,
    offset: usize,
}

/// `GET /spotify/v1/search`
pub(super) async fn get(state: web::Data<State>, http: HttpRequest) -> Result<HttpResponse, Problem> {
    let asked = Asked::parse(http.query_string())?;
    let links = Links::of(&http);
    let served = state.served();
    let page = aside(move || page(&served.snapshot, &asked, &links)).await?;
    Ok(HttpResponse::Ok().json(Found { tracks: page }))
}

impl Asked {
    fn parse(query: &str) -> Result<Self, Problem> {
        let mut given = Parameters::parse(query)?;
        let q = given.text("q").unwrap_or_default();
        let types = given.list("type");
        let limit = given.whole("limit")?.unwrap_or(DEFAULT_LIMIT);
        let offset = given.whole("offset")?.unwrap_or(0);
        if !types.iter().any(|name| name == TYPE) {
            let detail =
                format!("`type` is {:?}; only tracks are found here: `type={TYPE}`", types.join(","));
            return Err(Problem::bad_request("unknown_type", detail).at("type"));
        }
        if !(1..=MAX_LIMIT).contains(&limit) {
            let detail = format!("`limit` is {limit}; expected 1 to {MAX_LIMIT}");
            return Err(Problem::bad_request("out_of_range", detail).at("limit"));
        }
        let query = SearchQuery::parse(&q);
        let query = query.map_err(|detail| Problem::bad_request("malformed_query", detail).at("q"))?;
        if query.is_empty() {
            let detail = "`q` is empty; expected some letters of a title or an artist's name";
            return Err(Problem::bad_request("empty_query", detail).at("q"));
        }
        Ok(Self { q, query, limit, offset })
    }
}

fn page(snapshot: &Snapshot, asked: &Asked, links: &Links) -> Result<Page, Problem> {
    let Asked { q, query, limit, offset } = asked;
    let (limit, offset) = (*limit, *offset);
    let end = offset.saturating_add(limit);
    let (items, total) = if query.hopeless { Default::default() } else { find(snapshot, query, end) };
    let objects = Objects { snapshot, links };
    let items = items.into_iter().skip(offset).map(|item| objects.track(item));
    Ok(Page {
        href: links.search(q, limit, offset),
        items: items.collect::<Result<_, QueryError>>()?,
        limit,
        next: (end < total).then(|| links.search(q, limit, end)),
        offset,
        previous: (offset > 0).then(|| links.search(q, limit, offset.saturating_sub(limit))),
        total,
    })
}

/// The best `n` tracks, best first, and how many there are.
fn find(snapshot: &Snapshot, query: &SearchQuery, n: usize) -> (Vec<ItemIdx>, usize) {
    let column = snapshot.raw_column(value::POPULARITY);
    let popularity = |item: ItemIdx| column.map_or(f64::NAN, |column| column[item.as_usize()]);
    let years = query.year.map(|years| (years, snapshot.raw_column(value::RELEASE_YEAR)));
    let sets = sets(snapshot, query);
    let passes = |item: ItemIdx| {
        !snapshot.is_removed(item)
            && sets.iter().all(|set| set.contains(item))
            && years
                .is_none_or(|(years, column)| column.is_some_and(|of| is_within(years, of[item.as_usize()])))
    };
    // Last, because this one takes longest.
    let albums = Albums::new(snapshot, &query.albums);
    if !query.text.is_empty() {
        let accept = |item| passes(item) && albums.have(item);
        let found = snapshot.titles().matches(&query.text, n, popularity, accept);
        return (found.hits.iter().map(|hit| hit.item).collect(), found.n_matching);
    }
    let all = (0..snapshot.items().len() as u32).map(ItemIdx);
    let mut found: Vec<(f64, ItemIdx)> =
        all.filter(|item| passes(*item)).map(|item| (popularity(item), item)).collect();
    found.sort_unstable_by(more_popular);
    // In this order, so that what is beyond the limit is what hardly anybody means.
    found.retain(|(_, item)| albums.have(*item));
    let total = found.len();
    found.truncate(n);
    (found.into_iter().map(|(_, item)| item).collect(), total)
}

fn is_within(bounds: Bounds, value: f64) -> bool {
    // A missing value is NaN, which no comparison accepts.
    bounds.min.is_none_or(|min| value >= min) && bounds.max.is_none_or(|max| value <= max)
}

/// The most popular first, those whose popularity is unknown last.
fn more_popular(one: &(f64, ItemIdx), other: &(f64, ItemIdx)) -> Ordering {
    let known = |popularity: f64| if popularity.is_nan() { f64::NEG_INFINITY } else { popularity };
    known(other.0).total_cmp(&known(one.0)).then(one.1.cmp(&other.1))
}

/// The tracks that each artist and each genre asks for: a track has to be in all of these.
fn sets(snapshot: &Snapshot, query: &SearchQuery) -> Vec<ItemSet> {
    let n_items = snapshot.items().len();
    let artists = query.artists.iter().map(|artist| by(snapshot, artist));
    let genres = query.genres.iter().map(|genre| {
        let items = genres::tagged(snapshot, genre).map(|(_, items)| items).unwrap_or_default();
        ItemSet::from_ids(n_items, items)
    });
    artists.chain(genres).collect()
}

/// The tracks of the artist of this name, or where none of these is left, of those whose names have all its words.
fn by(snapshot: &Snapshot, name: &str) -> ItemSet {
    let n_items = snapshot.items().len();
    if let Some(items) = genres::left(snapshot, TagKind::Artist, name) {
        return ItemSet::from_ids(n_items, items);
    }
    let name = fold(name);
    let mut words: Vec<&str> = Vec::new();
    for word in name.split_whitespace() {
        if !words.contains(&word) && words.len() < MAX_NAME_WORDS {
            words.push(word);
        }
    }
    let has_all = |artist: &str| words.iter().all(|word| artist.split_whitespace().any(|part| part == *word));
    let tags = snapshot.tags();
    let artists = tags.names(TagKind::Artist).filter(|(artist, _)| has_all(artist));
    let items = artists.filter_map(|(artist, _)| tags.items(TagKind::Artist, &artist));
    ItemSet::from_ids(n_items, items.flatten())
}

/// Which tracks are on the albums that were asked for, as far as one search may look.
struct Albums<'a> {
    snapshot: &'a Snapshot,
    /// In lower case; an album has to have all of these in its title.
    titles: Vec<String>,
    /// Of the tracks that were looked at: a search for words comes by more than once.
    seen: RefCell<HashMap<ItemIdx, bool>>,
}

impl<'a> Albums<'a> {
    fn new(snapshot: &'a Snapshot, titles: &[String]) -> Self {
        let titles = titles.iter().map(|title| title.to_lowercase()).collect();
        Self { snapshot, titles, seen: RefCell::default() }
    }

    /// Whether the track is on one of them; all are where none was asked for.
    fn have(&self, item: ItemIdx) -> bool {
        if self.titles.is_empty() {
            return true;
        }
        let mut seen = self.seen.borrow_mut();
        if let Some(verdict) = seen.get(&item) {
            return *verdict;
        }
        if seen.len() >= MAX_ALBUMS_READ {
            return false;
        }
        let verdict = is_on(self.snapshot, item, &self.titles);
        seen.insert(item, verdict);
        verdict
    }
}

/// Whether the title of its album has all of `titles` in it.
fn is_on(snapshot: &Snapshot, item: ItemIdx, titles: &[String]) -> bool {
    let album = snapshot.items().record(item).ok().and_then(|record| record.album);
    let album = album.unwrap_or_default().to_lowercase();
    titles.iter().all(|title| album.contains(title.as_str()))
}
