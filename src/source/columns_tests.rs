//! Tests of column recognition.

use super::*;
use crate::source::mapping::check_mappings;

/// `columns` and `mappings` separated by spaces give `expected`, "column=field" each.
fn check(columns: &str, mappings: &str, expected: &str) {
    let columns: Vec<String> = columns.split(' ').map(str::to_owned).collect();
    let mappings: Vec<Mapping> = mappings.split_whitespace().map(|m| m.parse().unwrap()).collect();
    let plan = ColumnPlan::new(&columns, &mappings);
    let given: Vec<String> = columns
        .iter()
        .zip(plan.targets())
        .filter_map(|(column, target)| Some(format!("{column}={}", target.as_ref()?.field)))
        .collect();
    assert_eq!(given.join(" "), expected, "{columns:?}");
}

#[test]
fn the_public_dumps_are_recognised() {
    check(
        "id name album album_id artists artist_ids track_number disc_number explicit danceability key year release_date",
        "",
        "id=id name=name album=album album_id=album_id artists=artists artist_ids=artist_ids \
         track_number=track_number disc_number=disc_number explicit=explicit danceability=danceability key=key \
         year=release_year release_date=release_date",
    );
    check(
        "column_1 track_id artists album_name track_name popularity track_genre",
        "",
        "track_id=id artists=artists album_name=album track_name=name popularity=popularity track_genre=genres",
    );
    check(
        "track_id track_name track_artist track_popularity track_album_id track_album_release_date \
         playlist_genre playlist_subgenre",
        "",
        "track_id=id track_name=name track_artist=artists track_popularity=popularity track_album_id=album_id \
         track_album_release_date=release_date playlist_genre=genres playlist_subgenre=genres",
    );
    check(
        "column_1 artist_name track_name track_id popularity year genre",
        "",
        "artist_name=artists track_name=name track_id=id popularity=popularity year=release_year genre=genres",
    );
}

#[test]
fn of_two_columns_for_one_field_the_better_name_wins() {
    check("id track_id", "", "track_id=id");
    check("name track_name", "", "track_name=name");
    check("audio_features.energy energy id", "", "energy=energy id=id");
    check("uri audio_features.energy", "", "uri=id audio_features.energy=energy");
    check("genre genres", "", "genre=genres genres=genres");
}

#[test]
fn mapped_columns_win_over_names() {
    check("id other", "other=id", "other=id");
    check("id loud x", "loud=loudness x=value:brightness", "id=id loud=loudness x=value:brightness");
    check("id v w", "v=vector w=vector:audio", "id=id v=vector w=vector:audio");
    check("id energy", "energy=ignore", "id=id");
    check("Track-ID bad", "", "Track-ID=id");
}

#[test]
fn single_artist_columns_keep_their_commas() {
    for (column, expected) in [("artists", true), ("artist_name", false), ("track_artist", false)] {
        let plan = ColumnPlan::new(&[column.to_owned()], &[]);
        assert_eq!(plan.targets()[0].as_ref().unwrap().split_commas, expected, "{column}");
    }
}

#[test]
fn unusable_mappings_say_why() {
    let error = |text: &str| text.parse::<Mapping>().unwrap_err().to_string();
    assert!(error("noequals").contains("expected COLUMN=FIELD"));
    assert!(error("x=enrgy").contains("did you mean `energy`?"), "{}", error("x=enrgy"));
    assert!(error("x=enrgy").contains("danceability"));
    assert!(error("x=value:").contains("is not a name"));
    assert!(error("x=value:a b").contains("is not a name"));
    assert_eq!("a=b=id".parse::<Mapping>().unwrap().column, "a=b");
    let twice = |texts: [&str; 2]| check_mappings(&texts.map(|t| t.parse().unwrap())).is_err();
    assert!(twice(["a=id", "b=id"]));
    assert!(twice(["a=id", "a=name"]));
    assert!(!twice(["a=genres", "b=genre"]));
}
