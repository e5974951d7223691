//! How each genre of the sample catalogue sounds. The figures are set by hand, in the neighbourhood of what such
//! music measures; they are told apart clearly enough that neighbours mostly share a genre.

/// A genre: what its titles speak of and how its values are spread.
pub(super) struct Genre {
    /// The tag, in lower case as Spotify writes it.
    pub name: &'static str,
    /// Words its titles and albums like.
    pub nouns: &'static [&'static str],
    /// Middle and spread of the years of release.
    pub years: (f64, f64),
    /// Share of tracks with explicit lyrics.
    pub explicit: f64,
    /// Share of tracks in a major key.
    pub major: f64,
    /// Share of tracks with three beats per bar.
    pub waltz: f64,
    /// Added to the popularity of its artists, as a share of the whole range.
    pub appeal: f64,
    /// Means of the continuous features, in the order of the constants below.
    pub means: [f64; N_COLUMNS],
    /// Standard deviations, in the same order.
    pub spreads: [f64; N_COLUMNS],
}

/// Columns of [`Genre::means`] and [`Genre::spreads`].
pub(super) const DANCEABILITY: usize = 0;
pub(super) const ENERGY: usize = 1;
/// In dB.
pub(super) const LOUDNESS: usize = 2;
pub(super) const SPEECHINESS: usize = 3;
pub(super) const ACOUSTICNESS: usize = 4;
pub(super) const INSTRUMENTALNESS: usize = 5;
pub(super) const LIVENESS: usize = 6;
pub(super) const VALENCE: usize = 7;
/// In beats per minute.
pub(super) const TEMPO: usize = 8;
/// In seconds.
pub(super) const DURATION: usize = 9;
/// How many columns there are.
pub(super) const N_COLUMNS: usize = 10;

/// The genres, in alphabetical order.
pub(super) const GENRES: &[Genre] = &[
    Genre {
        name: "acoustic folk",
        nouns: &["Acre", "Barley", "Campfire", "Cedar", "Fiddle", "Hearth", "Hollow", "Kettle", "Moss", "Wren"],
        years: (2008.0, 8.0),
        explicit: 0.01,
        major: 0.78,
        waltz: 0.16,
        appeal: -0.05,
        means: [0.48, 0.3, -12.5, 0.04, 0.82, 0.06, 0.12, 0.4, 116.0, 225.0],
        spreads: [0.07, 0.08, 1.8, 0.01, 0.08, 0.06, 0.03, 0.1, 16.0, 35.0],
    },
    Genre {
        name: "ambient",
        nouns: &["Aurora", "Drift", "Fog", "Halo", "Lichen", "Orbit", "Plateau", "Stillness", "Tundra", "Vapour"],
        years: (2014.0, 6.0),
        explicit: 0.0,
        major: 0.58,
        waltz: 0.14,
        appeal: -0.1,
        means: [0.24, 0.15, -23.0, 0.042, 0.86, 0.9, 0.1, 0.1, 92.0, 300.0],
        spreads: [0.07, 0.06, 2.6, 0.008, 0.08, 0.05, 0.02, 0.05, 18.0, 80.0],
    },
    Genre {
        name: "blues",
        nouns: &["Backroad", "Bottle", "Crossroads", "Delta", "Freight", "Gravel", "Harmonica", "Porch", "Sidewalk", "Whiskey"],
        years: (1988.0, 14.0),
        explicit: 0.02,
        major: 0.7,
        waltz: 0.1,
        appeal: -0.08,
        means: [0.54, 0.46, -10.5, 0.05, 0.5, 0.1, 0.2, 0.58, 108.0, 238.0],
        spreads: [0.07, 0.09, 1.8, 0.014, 0.13, 0.09, 0.07, 0.1, 20.0, 40.0],
    },
    Genre {
        name: "bossa nova",
        nouns: &["Areia", "Brisa", "Hammock", "Lagoa", "Mango", "Samba", "Sandal", "Terrace", "Varanda", "Veranda"],
        years: (1992.0, 18.0),
        explicit: 0.0,
        major: 0.6,
        waltz: 0.04,
        appeal: -0.05,
        means: [0.66, 0.3, -13.5, 0.045, 0.8, 0.22, 0.11, 0.62, 126.0, 182.0],
        spreads: [0.06, 0.07, 1.8, 0.01, 0.07, 0.12, 0.02, 0.1, 12.0, 28.0],
    },
    Genre {
        name: "classical piano",
        nouns: &["Allegro", "Andante", "Cadenza", "Keys", "Pedal", "Recital", "Reverie", "Serenade", "Sketch", "Variation"],
        years: (2003.0, 13.0),
        explicit: 0.0,
        major: 0.62,
        waltz: 0.3,
        appeal: -0.1,
        means: [0.36, 0.1, -25.5, 0.044, 0.985, 0.88, 0.09, 0.24, 100.0, 210.0],
        spreads: [0.07, 0.05, 2.6, 0.008, 0.01, 0.06, 0.02, 0.1, 22.0, 70.0],
    },
    Genre {
        name: "country",
        nouns: &["Barn", "Boots", "County", "Dust", "Fence", "Pickup", "Prairie", "Saddle", "Sawdust", "Tailgate"],
        years: (2010.0, 10.0),
        explicit: 0.01,
        major: 0.9,
        waltz: 0.06,
        appeal: 0.06,
        means: [0.58, 0.66, -6.8, 0.034, 0.24, 0.01, 0.15, 0.6, 124.0, 208.0],
        spreads: [0.06, 0.08, 1.4, 0.007, 0.12, 0.02, 0.05, 0.11, 20.0, 24.0],
    },
    Genre {
        name: "disco",
        nouns: &["Boogie", "Chrome", "Discotheque", "Floor", "Glitter", "Groove", "Mirrorball", "Roller", "Saturday", "Sequin"],
        years: (1983.0, 10.0),
        explicit: 0.01,
        major: 0.52,
        waltz: 0.01,
        appeal: 0.06,
        means: [0.76, 0.78, -8.2, 0.048, 0.14, 0.05, 0.12, 0.88, 118.0, 252.0],
        spreads: [0.05, 0.07, 1.7, 0.012, 0.08, 0.05, 0.05, 0.06, 5.0, 50.0],
    },
    Genre {
        name: "drum and bass",
        nouns: &["Amen", "Breakbeat", "Bunker", "Circuit", "Kinetic", "Pressure", "Reactor", "Roller", "Subway", "Voltage"],
        years: (2014.0, 6.0),
        explicit: 0.04,
        major: 0.46,
        waltz: 0.01,
        appeal: -0.03,
        means: [0.52, 0.92, -4.6, 0.085, 0.02, 0.55, 0.2, 0.3, 174.0, 268.0],
        spreads: [0.05, 0.04, 1.3, 0.03, 0.02, 0.22, 0.09, 0.1, 2.0, 45.0],
    },
    Genre {
        name: "flamenco",
        nouns: &["Alegría", "Bulería", "Candela", "Duende", "Fandango", "Lunares", "Olivo", "Soleá", "Tacón", "Verdad"],
        years: (1999.0, 13.0),
        explicit: 0.0,
        major: 0.44,
        waltz: 0.3,
        appeal: -0.05,
        means: [0.56, 0.48, -10.0, 0.085, 0.78, 0.03, 0.28, 0.56, 142.0, 232.0],
        spreads: [0.06, 0.08, 1.7, 0.025, 0.09, 0.04, 0.1, 0.1, 22.0, 38.0],
    },
    Genre {
        name: "hip hop",
        nouns: &["Avenue", "Block", "Cipher", "Corner", "Crown", "Gospel", "Hustle", "Payday", "Rooftop", "Verse"],
        years: (2015.0, 6.0),
        explicit: 0.68,
        major: 0.52,
        waltz: 0.01,
        appeal: 0.16,
        means: [0.78, 0.62, -6.8, 0.26, 0.16, 0.01, 0.17, 0.46, 100.0, 205.0],
        spreads: [0.06, 0.08, 1.5, 0.07, 0.1, 0.02, 0.07, 0.12, 22.0, 30.0],
    },
    Genre {
        name: "house",
        nouns: &["Afterhours", "Basement", "Cabana", "Deck", "Filter", "Loft", "Sunset", "Terrace", "Vinyl", "Warehouse"],
        years: (2016.0, 5.0),
        explicit: 0.03,
        major: 0.5,
        waltz: 0.0,
        appeal: 0.05,
        means: [0.8, 0.82, -6.6, 0.06, 0.05, 0.45, 0.1, 0.58, 124.0, 285.0],
        spreads: [0.04, 0.06, 1.3, 0.015, 0.05, 0.22, 0.04, 0.12, 2.0, 70.0],
    },
    Genre {
        name: "indie rock",
        nouns: &["Bedroom", "Cassette", "Denim", "Garage", "Polaroid", "Rewind", "Skateboard", "Sofa", "Suburb", "Tuesday"],
        years: (2012.0, 7.0),
        explicit: 0.06,
        major: 0.74,
        waltz: 0.04,
        appeal: 0.05,
        means: [0.5, 0.76, -6.2, 0.045, 0.07, 0.08, 0.17, 0.48, 132.0, 226.0],
        spreads: [0.07, 0.08, 1.4, 0.012, 0.07, 0.09, 0.07, 0.13, 20.0, 32.0],
    },
    Genre {
        name: "jazz",
        nouns: &["Blue Note", "Brass", "Cellar", "Club", "Cymbal", "Quartet", "Saxophone", "Standard", "Swing", "Trumpet"],
        years: (1978.0, 18.0),
        explicit: 0.0,
        major: 0.56,
        waltz: 0.18,
        appeal: -0.1,
        means: [0.52, 0.28, -15.0, 0.05, 0.8, 0.58, 0.15, 0.46, 118.0, 340.0],
        spreads: [0.08, 0.09, 2.2, 0.014, 0.1, 0.22, 0.06, 0.13, 28.0, 90.0],
    },
    Genre {
        name: "metal",
        nouns: &["Abyss", "Anvil", "Ashes", "Blade", "Cinder", "Dominion", "Gallows", "Hammer", "Oblivion", "Throne"],
        years: (2008.0, 9.0),
        explicit: 0.09,
        major: 0.52,
        waltz: 0.05,
        appeal: -0.04,
        means: [0.36, 0.95, -4.6, 0.095, 0.004, 0.32, 0.22, 0.22, 132.0, 288.0],
        spreads: [0.07, 0.03, 1.2, 0.028, 0.004, 0.24, 0.09, 0.08, 24.0, 60.0],
    },
    Genre {
        name: "pop",
        nouns: &["Balloon", "Bubblegum", "Confetti", "Crush", "Firework", "Heartbeat", "Lipstick", "Neon", "Perfume", "Polaroid"],
        years: (2018.0, 5.0),
        explicit: 0.12,
        major: 0.66,
        waltz: 0.02,
        appeal: 0.26,
        means: [0.68, 0.7, -5.6, 0.06, 0.16, 0.003, 0.14, 0.58, 116.0, 200.0],
        spreads: [0.06, 0.07, 1.2, 0.02, 0.1, 0.006, 0.05, 0.12, 16.0, 22.0],
    },
    Genre {
        name: "reggae",
        nouns: &["Dub", "Hillside", "Lion", "Mango", "Natty", "Roots", "Rudeboy", "Sound System", "Sunsplash", "Zion"],
        years: (1994.0, 13.0),
        explicit: 0.03,
        major: 0.62,
        waltz: 0.02,
        appeal: -0.02,
        means: [0.8, 0.52, -8.6, 0.13, 0.14, 0.03, 0.12, 0.8, 146.0, 230.0],
        spreads: [0.05, 0.07, 1.6, 0.045, 0.09, 0.06, 0.05, 0.08, 14.0, 32.0],
    },
    Genre {
        name: "soul",
        nouns: &["Afterglow", "Choir", "Devotion", "Gospel", "Horns", "Loving", "Mercy", "Tenderness", "Velour", "Yearning"],
        years: (1985.0, 15.0),
        explicit: 0.02,
        major: 0.58,
        waltz: 0.1,
        appeal: 0.03,
        means: [0.62, 0.46, -9.6, 0.05, 0.42, 0.01, 0.13, 0.66, 104.0, 222.0],
        spreads: [0.07, 0.09, 1.7, 0.015, 0.13, 0.02, 0.05, 0.12, 18.0, 32.0],
    },
    Genre {
        name: "techno",
        nouns: &["Acid", "Concrete", "Grid", "Loop", "Modular", "Oscillator", "Pulse", "Strobe", "Terminal", "Tunnel"],
        years: (2016.0, 5.0),
        explicit: 0.01,
        major: 0.5,
        waltz: 0.0,
        appeal: -0.06,
        means: [0.7, 0.84, -9.6, 0.055, 0.01, 0.88, 0.1, 0.16, 132.0, 390.0],
        spreads: [0.05, 0.06, 1.5, 0.012, 0.015, 0.05, 0.03, 0.08, 4.0, 70.0],
    },
];
