//! Tests of rows becoming tracks, on the shapes of the public dumps.

use super::*;

/// Maps one row given as text, columns and values separated by `~`.
fn map_with(columns: &str, cells: &str, mappings: &[&str]) -> Result<MappedRow, BadRow> {
    let columns: Vec<String> = columns.split('~').map(str::to_owned).collect();
    let cells: Vec<_> = cells.split('~').map(|text| Cell::Text(text.into())).collect();
    assert_eq!(columns.len(), cells.len());
    let mappings: Vec<Mapping> = mappings.iter().map(|m| m.parse().unwrap()).collect();
    RowMapper::new(&columns, &mappings).map(&RawRow { line: 7, columns: &columns, cells })
}

fn map(columns: &str, cells: &str) -> MappedRow {
    map_with(columns, cells, &[]).unwrap()
}

#[test]
fn the_1_2_million_songs_shape() {
    let mapped = map(
        "id~name~album~album_id~artists~artist_ids~track_number~disc_number~explicit~danceability~key~tempo~year~release_date",
        "7lmeHLHBe4nmXzuXc0HDjk~Testify~The Battle Of Los Angeles~2eia0~['Rage Against The Machine', \"D'Angelo\"]~['2d0', '336']~1~1~False~0.47~7~117.906~1999~1999-11-02",
    );
    let track = mapped.track;
    assert_eq!(track.id.as_str(), "7lmeHLHBe4nmXzuXc0HDjk");
    assert_eq!(track.artists, ["Rage Against The Machine", "D'Angelo"]);
    assert_eq!(track.artist_ids, ["2d0", "336"]);
    assert_eq!((track.track_number, track.disc_number, track.explicit), (Some(1), Some(1), Some(false)));
    assert_eq!(track.release_date.as_deref(), Some("1999-11-02"));
    assert_eq!(track.values["release_year"], 1999.0);
    assert_eq!(track.values["tempo"], 117.906);
    assert!(mapped.dropped.is_empty() && mapped.out_of_range.is_empty() && !mapped.failed_analysis);
}

#[test]
fn the_tidytuesday_shape() {
    let track = map(
        "track_id~track_name~track_artist~track_popularity~track_album_release_date~playlist_genre~playlist_subgenre~energy",
        "6f8~I Don't Care~Tyler, The Creator~66~2019-06~pop~dance pop~0.9",
    )
    .track;
    assert_eq!(track.artists, ["Tyler, The Creator"]);
    assert_eq!(track.genres, ["pop", "dance pop"]);
    assert_eq!(track.values["popularity"], 66.0);
    assert_eq!(track.values["release_year"], 2019.0, "the year comes from the date");
}

#[test]
fn the_tracks_dataset_shape() {
    let track = map(
        "column_1~track_id~artists~album_name~track_name~popularity~explicit~track_genre",
        "2~1iJ~Ingrid Michaelson;ZAYN~To Begin Again~To Begin Again~57~True~acoustic",
    )
    .track;
    assert_eq!(track.artists, ["Ingrid Michaelson", "ZAYN"]);
    assert_eq!(track.album.as_deref(), Some("To Begin Again"));
    assert_eq!(track.genres, ["acoustic"]);
    assert_eq!(track.explicit, Some(true));
}

#[test]
fn values_that_cannot_be_read_are_dropped_with_the_reason() {
    let mapped = map("id~energy~tempo~explicit~release_date", "a~high~120~perhaps~soon");
    assert_eq!(mapped.track.values.len(), 1);
    let dropped: Vec<_> = mapped.dropped.iter().map(|d| (d.field.as_str(), d.value.as_str())).collect();
    assert_eq!(dropped, [("energy", "high"), ("explicit", "perhaps"), ("release_date", "soon")]);
    assert_eq!(mapped.dropped[0].reason, "not a number");
}

#[test]
fn missing_markers_are_missing_and_not_noted() {
    let mapped = map("id~name~key~energy~year~genre~valence", "a~~-1~NaN~None~nan~inf");
    assert_eq!(mapped.track, Track::new(TrackId::parse("a").unwrap()));
    assert!(mapped.dropped.is_empty());
}

#[test]
fn an_unknown_year_falls_back_to_the_date() {
    let mapped = map("id~year~release_date", "a~0~1987-05");
    assert_eq!(mapped.track.values["release_year"], 1987.0);
    assert_eq!(mapped.dropped[0].field, "release_year");
    let track = map("id~year~release_date", "a~1986~1987-05").track;
    assert_eq!(track.values["release_year"], 1986.0, "a year column wins");
}

#[test]
fn failed_analysis_and_odd_numbers_are_noted() {
    let mapped = map("id~danceability~speechiness~valence~tempo~time_signature~energy", "a~0~0.0~0~0~1~1.2");
    assert!(mapped.failed_analysis);
    assert_eq!(mapped.track.values.keys().collect::<Vec<_>>(), ["energy", "time_signature"]);
    assert_eq!(mapped.out_of_range, ["energy", "time_signature"]);
}

#[test]
fn only_the_id_makes_a_row_bad() {
    for (id, reason) in [
        ("", "the track id is missing"),
        ("nan", "the track id is missing"),
        ("a b", "the track id contains ' '; white space and control characters are not allowed"),
        (&"x".repeat(200), "the track id has 200 bytes, at most 128 are allowed"),
    ] {
        let bad = map_with("track_id~name", &format!("{id}~N"), &[]).unwrap_err();
        assert_eq!((bad.reason.as_str(), bad.line), (reason, 7));
        assert_eq!((bad.field.as_deref(), bad.value.as_str()), (Some("id"), id));
        assert_eq!(bad.row["name"], "N");
    }
    let bad = map_with("name~year", "N~1999", &[]).unwrap_err();
    assert_eq!(bad.field.as_deref(), Some("id"));
}

#[test]
fn mapped_columns_fill_any_field() {
    let mappings = ["song=id", "bright=value:brightness", "v=vector", "w=vector:audio"];
    let track = map_with("song~bright~v~w", "x1~0.25~[1, 2, 3]~0.5 0.25", &mappings).unwrap().track;
    assert_eq!(track.id.as_str(), "x1");
    assert_eq!(track.values["brightness"], 0.25);
    assert_eq!(track.vectors["vector"], [1.0, 2.0, 3.0]);
    assert_eq!(track.vectors["audio"], [0.5, 0.25]);
}

#[test]
fn columns_that_appear_later_are_read() {
    let columns = vec!["id".to_owned()];
    let mut mapper = RowMapper::new(&columns, &[]);
    mapper.map(&RawRow { line: 1, columns: &columns, cells: vec![Cell::Int(1)] }).unwrap();
    let columns = vec!["id".to_owned(), "energy".to_owned()];
    let cells = vec![Cell::Int(2), Cell::Float(0.5)];
    let track = mapper.map(&RawRow { line: 2, columns: &columns, cells }).unwrap().track;
    assert_eq!((track.id.as_str(), track.values["energy"]), ("2", 0.5));
}
