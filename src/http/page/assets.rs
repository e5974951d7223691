//! The files of the page.

/// A file of the page.
#[derive(Debug)]
pub(super) struct Asset {
    name: &'static str,
    body: &'static str,
}

impl Asset {
    /// Its bytes.
    pub fn body(&self) -> &'static str {
        self.body
    }

    /// A tag of its contents, in quotes.
    pub fn tag(&self) -> String {
        format!("\"{}\"", &blake3::hash(self.body.as_bytes()).to_hex()[..16])
    }

    /// Its media type.
    pub fn content_type(&self) -> &'static str {
        match self.name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/plain; charset=utf-8",
        }
    }
}

macro_rules! assets {
    ($($name:literal),* $(,)?) => {
        [$(Asset { name: $name, body: include_str!(concat!("assets/", $name)) }),*]
    };
}

/// All of them; the first is the page itself.
static ASSETS: [Asset; 28] = assets![
    "index.html",
    "page.css",
    "results.css",
    "icon.svg",
    "theme.js",
    "main.js",
    "announce.js",
    "api.js",
    "bars.js",
    "dom.js",
    "engines.js",
    "explain.js",
    "features.js",
    "filters.js",
    "history.js",
    "map.js",
    "problem.js",
    "query.js",
    "results.js",
    "search.js",
    "seeds.js",
    "sliders.js",
    "state.js",
    "taste.js",
    "tracks.js",
    "url.js",
    "watch.js",
    "welcome.js",
];

/// The page itself.
pub(super) fn index() -> &'static Asset {
    &ASSETS[0]
}

/// The file of that name.
pub(super) fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// What all files may have together.
    const MAX_BYTES: usize = 150_000;

    #[test]
    fn the_page_is_small() {
        let bytes: usize = ASSETS.iter().map(|asset| asset.body.len()).sum();
        assert!(bytes < MAX_BYTES, "{bytes} bytes");
    }

    #[test]
    fn every_file_is_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/page/assets");
        let name =
            |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let there: BTreeSet<String> = std::fs::read_dir(folder).unwrap().map(name).collect();
        assert_eq!(there, ASSETS.iter().map(|asset| asset.name.to_owned()).collect());
        assert_eq!(find("main.js").map(Asset::content_type), Some("text/javascript; charset=utf-8"));
        assert!(find("../mod.rs").is_none());
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        for Asset { name, body } in &ASSETS {
            // The one address is a name, not a place: it says that elements are drawings.
            let text = body.replace("http://www.w3.org/2000/svg", "");
            for foreign in ["http:", "https:", "url(//", "src=\"//", "href=\"//", "@import"] {
                assert!(!text.contains(foreign), "{foreign} in {name}");
            }
        }
    }

    #[test]
    fn the_policy_is_kept() {
        let html = index().body();
        for refused in [" style=", "<style", " onclick=", "javascript:", "<script>"] {
            assert!(!html.contains(refused), "{refused}");
        }
        for Asset { name, body } in &ASSETS {
            for refused in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"]
            {
                assert!(!body.contains(refused), "{refused} in {name}: what is shown would be read as HTML");
            }
        }
    }

    #[test]
    fn every_import_is_there() {
        for Asset { name, body } in ASSETS.iter().filter(|asset| asset.name.ends_with(".js")) {
            for line in body.lines().filter(|line| line.starts_with("import ") || line.starts_with("} from "))
            {
                let path = line.split('"').nth(1).unwrap_or_else(|| panic!("{name}: {line}"));
                assert!(find(path.trim_start_matches("./")).is_some(), "{name} imports {path}");
            }
        }
        for part in index().body().split(['"', '\'']).filter(|part| part.starts_with("/assets/")) {
            assert!(find(part.trim_start_matches("/assets/")).is_some(), "index.html names {part}");
        }
    }
}
