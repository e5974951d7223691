//! `GET /spotify/v1/search?type=track&q=`: search by title, artist and what the fields of a query ask for.

use std::cmp::Ordering;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use crate::content::TagKind;
use crate::query::{Filters, QueryError};
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
/// Artists that part of a name may stand for.
const MAX_ARTISTS: usize = 10_000;

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
    let (items, total) = if query.hopeless { Default::default() } else { find(snapshot, query, end)? };
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
fn find(snapshot: &Snapshot, query: &SearchQuery, n: usize) -> Result<(Vec<ItemIdx>, usize), QueryError> {
    let column = snapshot.raw_column(value::POPULARITY);
    let popularity = |item: ItemIdx| column.map_or(f64::NAN, |column| column[item.as_usize()]);
    let mut allowed = Vec::new();
    for filters in filters(snapshot, query) {
        allowed.extend(filters.compile(snapshot)?);
    }
    let albums: Vec<String> = query.albums.iter().map(|title| title.to_lowercase()).collect();
    let accept = |item: ItemIdx| {
        !snapshot.is_removed(item)
            && allowed.iter().all(|filter| filter.allowed.items().contains(item))
            && (albums.is_empty() || is_on(snapshot, item, &albums))
    };
    if !query.text.is_empty() {
        let found = snapshot.titles().matches(&query.text, n, popularity, accept);
        return Ok((found.hits.iter().map(|hit| hit.item).collect(), found.n_matching));
    }
    let all = (0..snapshot.items().len() as u32).map(ItemIdx);
    let mut found: Vec<(f64, ItemIdx)> =
        all.filter(|item| accept(*item)).map(|item| (popularity(item), item)).collect();
    let total = found.len();
    found.sort_unstable_by(more_popular);
    found.truncate(n);
    Ok((found.into_iter().map(|(_, item)| item).collect(), total))
}

/// The most popular first, those whose popularity is unknown last.
fn more_popular(one: &(f64, ItemIdx), other: &(f64, ItemIdx)) -> Ordering {
    let known = |popularity: f64| if popularity.is_nan() { f64::NEG_INFINITY } else { popularity };
    known(other.0).total_cmp(&known(one.0)).then(one.1.cmp(&other.1))
}

/// What each field but the album asks for: a track has to pass them all.
fn filters(snapshot: &Snapshot, query: &SearchQuery) -> Vec<Filters> {
    let mut filters = vec![Filters { year: query.year, ..Filters::default() }];
    for artist in &query.artists {
        filters.push(Filters { artists: artists_called(snapshot, artist), ..Filters::default() });
    }
    for genre in &query.genres {
        let name = genres::tagged(snapshot, genre).map_or_else(|| genre.clone(), |(name, _)| name);
        filters.push(Filters { genres: vec![name], ..Filters::default() });
    }
    filters
}

/// The artist of this name, or those whose names have all its words; what nobody is called lets nothing pass.
fn artists_called(snapshot: &Snapshot, name: &str) -> Vec<String> {
    let tags = snapshot.tags();
    if tags.items(TagKind::Artist, name).is_some() {
        return vec![name.to_owned()];
    }
    let name = name.to_lowercase();
    let words: Vec<&str> = name.split_whitespace().collect();
    let has_all = |artist: &str| words.iter().all(|word| artist.split_whitespace().any(|part| part == *word));
    let artists = tags.names(TagKind::Artist).map(|(artist, _)| artist);
    let mut found: Vec<String> = artists
        .filter(|artist| has_all(artist))
        .take(MAX_ARTISTS)
        .map(|artist| artist.into_owned())
        .collect();
    if found.is_empty() {
        found.push(name);
    }
    found
}

/// Whether the title of its album has all of `titles` in it.
fn is_on(snapshot: &Snapshot, item: ItemIdx, titles: &[String]) -> bool {
    let album = snapshot.items().record(item).ok().and_then(|record| record.album);
    let album = album.unwrap_or_default().to_lowercase();
    titles.iter().all(|title| album.contains(title.as_str()))
}
