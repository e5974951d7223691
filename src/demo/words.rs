//! The vocabulary of the sample catalogue.

/// Said of things, in titles and band names.
pub(super) const ADJECTIVES: &[&str] = &[
    "Amber", "Ancient", "Autumn", "Blue", "Borrowed", "Brave", "Bright", "Broken", "Burning", "Careless",
    "Cold", "Copper", "Crooked", "Distant", "Drifting", "Early", "Electric", "Empty", "Endless", "Faded",
    "Familiar", "Foolish", "Forgotten", "Gentle", "Glass", "Golden", "Grey", "Half-Lit", "Hollow", "Honest",
    "Hungry", "Idle", "Indigo", "Invisible", "Iron", "Kind", "Last", "Lazy", "Little", "Lonely", "Long",
    "Lost", "Lucky", "Midnight", "Modern", "Naked", "Northern", "Northbound", "Open", "Orange", "Pale",
    "Paper", "Patient", "Quiet", "Reckless", "Restless", "Rusty", "Salted", "Scarlet", "Secret", "Second",
    "Silent", "Silver", "Sleepless", "Slow", "Small", "Soft", "Southern", "Strange", "Sudden", "Sunday",
    "Tender", "Thin", "Tidal", "Unwritten", "Velvet", "Violet", "Wandering", "Warm", "Weightless", "White",
    "Wide", "Wild", "Winter", "Wooden", "Yellow", "Young",
];

/// Things, one of each, in titles and band names.
pub(super) const NOUNS: &[&str] = &[
    "Almanac", "Anchor", "Answer", "Arrow", "Attic", "Balcony", "Ballroom", "Bicycle", "Bird", "Boat",
    "Bridge", "Candle", "Canyon", "Carousel", "Cathedral", "Chapel", "Circle", "City", "Cloud", "Coastline",
    "Comet", "Compass", "Corner", "Curtain", "Dance", "Daydream", "Desert", "Diary", "Door", "Dragonfly",
    "Echo", "Elevator", "Ember", "Engine", "Falcon", "Feather", "Ferry", "Field", "Fire", "Flood", "Forest",
    "Fountain", "Fox", "Garden", "Gate", "Ghost", "Glacier", "Guitar", "Harbour", "Heart", "Highway",
    "Hill", "Horizon", "Horse", "House", "Hurricane", "Island", "Journey", "Kite", "Lantern", "Letter",
    "Library", "Lighthouse", "Lion", "Machine", "Magpie", "Map", "Meadow", "Memory", "Mirror", "Moon",
    "Morning", "Mountain", "Museum", "Night", "Oak", "Ocean", "Orchard", "Owl", "Painter", "Parade",
    "Photograph", "Piano", "Pilot", "Planet", "Postcard", "Promise", "Radio", "Railway", "Rain", "Rainbow",
    "River", "Road", "Rooftop", "Room", "Rose", "Sailor", "Satellite", "Season", "Shadow", "Shore",
    "Signal", "Sky", "Snow", "Song", "Sparrow", "Spring", "Stairway", "Star", "Station", "Stone", "Storm",
    "Story", "Stranger", "Street", "Summer", "Sunrise", "Swallow", "Telescope", "Theatre", "Thunder",
    "Tide", "Tiger", "Tower", "Train", "Valley", "Village", "Violin", "Voice", "Volcano", "Waterfall",
    "Wave", "Weather", "Whale", "Willow", "Wind", "Window", "Winter", "Wolf", "Wonder",
];

/// Several of a thing, in band names.
pub(super) const PLURALS: &[&str] = &[
    "Acrobats", "Almanacs", "Astronomers", "Bakers", "Balconies", "Boatmen", "Cartographers", "Chimneys",
    "Clouds", "Comets", "Companions", "Daughters", "Dreamers", "Engineers", "Ferries", "Foxes", "Gardeners",
    "Ghosts", "Harbours", "Herons", "Islands", "Lamplighters", "Lanterns", "Librarians", "Locksmiths",
    "Magpies", "Mechanics", "Migrants", "Mornings", "Mountaineers", "Neighbours", "Orchards", "Owls",
    "Painters", "Pilots", "Postmen", "Radios", "Rivers", "Sailors", "Satellites", "Shadows", "Signals",
    "Sisters", "Sparrows", "Strangers", "Sundays", "Swimmers", "Tailors", "Telegraphs", "Tides",
    "Travellers", "Umbrellas", "Violets", "Watchmakers", "Weathermen", "Whispers", "Willows", "Windows",
    "Wolves", "Wonders",
];

/// What somebody is doing, in titles.
pub(super) const DOINGS: &[&str] = &[
    "Asking", "Breathing", "Building", "Calling", "Chasing", "Climbing", "Counting", "Crossing",
    "Dancing With", "Dreaming of", "Drinking", "Driving", "Falling Through", "Finding", "Following",
    "Holding", "Keeping", "Leaving", "Listening to", "Losing", "Missing", "Painting", "Reading",
    "Remembering", "Sailing", "Saving", "Singing to", "Sleeping Under", "Standing By", "Talking to",
    "Tracing", "Waiting For", "Walking Past", "Watching", "Writing",
];

/// Whole phrases, as titles and in brackets.
pub(super) const PHRASES: &[&str] = &[
    "All the Way Back", "Any Other Day", "As Far As I Know", "Before You Wake", "Come Round Again",
    "Don't Look Down", "Every Other Tuesday", "Give It Time", "Half a Mile Away", "Hold the Line Open",
    "How Long Is Now", "I Knew You When", "If Only Once", "It Was Never Late", "Just Like Rain",
    "Leave It Running", "Let It Be Morning", "Made for Two", "Meet Me Halfway Up", "More or Less",
    "Never the Same River", "No Hurry", "Not Until Tomorrow", "Nothing to Declare", "On the Way Home",
    "One More Station", "Over and Over", "Say It Slowly", "So Much for That", "Somewhere to Be",
    "Stay a While Longer", "Take the Stairs", "Tell Me Twice", "The Other Side of You", "Two of Everything",
    "Under the Same Sky", "Until the Lights Go Out", "We Were There", "What the Water Said",
    "When It Rains", "Where the Road Ends", "You and Everyone",
];

/// Titles in other languages and scripts: a search has to find these, too.
pub(super) const FOREIGN: &[&str] = &[
    "À la fenêtre", "Água de março", "Alma y corazón", "Bänkar i snö", "Café à minuit", "Canção do mar",
    "Canción del río", "Cœur de verre", "Coração vadio", "Déjà l'été", "Die schönste Straße",
    "El niño y la luna", "Élan", "Été sans fin", "Fjärran", "Für später", "Grüße aus dem Süden",
    "Gwiaździsta noc", "Hjärtat slår", "Île perdue", "Kärlek på perrongen", "Kış güneşi",
    "La última estación", "Lá fora", "Łódka", "Mañana será", "Můj dům", "Naïve", "Nächte am Fluß",
    "O último trem", "Où es-tu", "Příliš tichá", "Saudações", "Señales de humo", "Smørrebrød Blues",
    "Süße Ferne", "Über den Dächern", "Żeglarz", "Zwölf Uhr", "Ακρογιαλιά", "Καλοκαίρι", "Белая ночь",
    "Далёкий берег", "Зимний вечер", "Моя река", "夏の終わり", "夜の海", "東京の雨", "月光の庭", "星に手紙を", "小河", "春天的信",
    "밤바다", "봄날의 편지", "첫눈", "קיץ", "نسيم الليل",
];

/// Given names of solo artists.
pub(super) const GIVEN_NAMES: &[&str] = &[
    "Ada", "Agnes", "Aksel", "Alma", "Amara", "Anouk", "Anton", "Asha", "Beatriz", "Bruno", "Camille",
    "Carmen", "Cato", "Chiara", "Clara", "Dario", "Delia", "Edda", "Elias", "Elif", "Emeka", "Esther",
    "Ezra", "Fatou", "Felix", "Fenna", "Gideon", "Hana", "Hugo", "Ida", "Ines", "Iris", "Isak", "Ivo",
    "Jasper", "Joan", "José", "Juno", "Kaia", "Kofi", "Lars", "Leila", "Lena", "Leon", "Lior", "Livia",
    "Lucía", "Magnus", "Maja", "Mara", "Marius", "Mei", "Mila", "Milo", "Nadia", "Naomi", "Nikolai", "Noé",
    "Nora", "Odile", "Olive", "Omar", "Oskar", "Otis", "Paloma", "Petra", "Quentin", "Rafael", "René",
    "Rhea", "Rosa", "Ruben", "Saga", "Samira", "Selma", "Simone", "Søren", "Stella", "Tamsin", "Tariq",
    "Theo", "Thora", "Una", "Vera", "Viggo", "Wanda", "Xavier", "Yara", "Yuki", "Zélie", "Zoë",
];

/// Family names of solo artists.
pub(super) const FAMILY_NAMES: &[&str] = &[
    "Abara", "Aldermoor", "Almqvist", "Ansbach", "Arroyo", "Ashgrove", "Balogh", "Barrowby", "Bellweather",
    "Bjørk", "Bramwell", "Brightwater", "Calloway-Reed", "Carrow", "Castellan", "Corvino", "Dahlström",
    "Delacourt", "Demirel", "Dovetail", "Eastlake", "Elmsworth", "Escarrà", "Fairbrook", "Falk",
    "Farrowdale", "Fontaine-Lys", "Galdós", "Greenhalgh", "Hallam", "Harrowgate", "Hartnell", "Hoshino",
    "Ibekwe", "Ilves", "Jansdotter", "Kallio", "Kestrel", "Kirchner", "Kowalczyk", "Lachance", "Larkspur",
    "Lindqvist", "Löwenthal", "Mabry", "Marchetti", "Marlowe-Finch", "Mbeki-Stone", "Merriweather",
    "Moravec", "Müllner", "Nakagawa", "Nightingale", "Novotný", "Núñez", "Okonjo", "Ostrander",
    "Paloma-Cruz", "Penhallow", "Quill", "Ravenscar", "Rosenquist", "Sablière", "Sandoval", "Sato-Lind",
    "Silverthorne", "Solberg", "Sørland", "Stormfield", "Tamblyn", "Thackeray-Moss", "Tidewell",
    "Underhill", "Vasari", "Verhoeven", "Wexcombe", "Whitlock", "Winterbourne", "Yilmaz", "Zielińska",
];

/// Places, in titles.
pub(super) const PLACES: &[&str] = &[
    "Aberdeen", "Bergen", "Bilbao", "Bologna", "Cádiz", "Cardiff", "Galway", "Ghent", "Göteborg", "Graz",
    "Kraków", "Lisbon", "Lyon", "Málaga", "Marseille", "Montréal", "Nairobi", "Naples", "Odense", "Osaka",
    "Porto", "Reykjavík", "Riga", "São Paulo", "Split", "Tampere", "Trieste", "Utrecht", "Valparaíso",
    "Zürich",
];

/// What a classical piece is called.
pub(super) const FORMS: &[&str] = &[
    "Arabesque", "Bagatelle", "Étude", "Impromptu", "Intermezzo", "Nocturne", "Prelude", "Romance",
    "Sonatina", "Waltz",
];

/// The twelve pitch classes, from C.
pub(super) const KEY_NAMES: [&str; 12] = [
    "C", "D-flat", "D", "E-flat", "E", "F", "F-sharp", "G", "A-flat", "A", "B-flat", "B",
];

/// What a version of a title is marked with.
pub(super) const VERSIONS: &[&str] = &[
    "Acoustic", "Demo", "Extended", "Interlude", "Live", "Part I", "Part II", "Radio Edit", "Reprise",
    "Revisited",
];

/// What an album that was sold again is marked with.
pub(super) const REISSUES: &[&str] = &[
    "Anniversary Edition", "Collected Works", "Deluxe Edition", "Expanded", "Remastered", "The Singles",
];
