// What the features mean, in words, and how their values are written.

const KEYS = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];

const GROUPS = ["Mood", "Sound", "Rhythm and harmony", "The recording", "Other"];

// group, label, meaning; `scale` and `unit` where people use another unit than the catalogue; `choices` for few values.
const WORDS = {
  energy: ["Mood", "Energy", "calm to intense"],
  valence: ["Mood", "Valence", "sad or angry to cheerful"],
  danceability: ["Mood", "Danceability", "how well one can dance to it"],
  acousticness: ["Sound", "Acousticness", "electric to unplugged"],
  instrumentalness: ["Sound", "Instrumentalness", "sung to without vocals"],
  speechiness: ["Sound", "Speechiness", "music to spoken words"],
  liveness: ["Sound", "Liveness", "studio to an audience in the room"],
  loudness: ["Sound", "Loudness", "average level in decibels"],
  tempo: ["Rhythm and harmony", "Tempo", "beats per minute", { step: 1 }],
  time_signature: ["Rhythm and harmony", "Time signature", "beats in a bar", { step: 1 }],
  key: ["Rhythm and harmony", "Key", "near on the circle of fifths", { choices: KEYS.map((name, at) => [at, name]) }],
  mode: ["Rhythm and harmony", "Mode", "major or minor", { choices: [[1, "major"], [0, "minor"]] }],
  duration_ms: ["The recording", "Duration", "how long it is", { scale: 60000, unit: "min", step: 0.1 }],
  popularity: ["The recording", "Popularity", "how much it is played, 0 to 100", { step: 1 }],
  release_year: ["The recording", "Year", "when it was released", { step: 1 }],
};

const plain = (name) => name.replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase());

// A feature of the schema with its words.
export function describe(feature) {
  let [group, label, meaning, extra] = WORDS[feature.name] ?? ["Other", plain(feature.name), feature.vector ? "learned values" : ""];
  // Shares are written as percentages, as explanations write them.
  if (!extra && !feature.vector && feature.min === 0 && feature.max === 1) extra = { scale: 0.01, unit: "%", step: 1 };
  const scale = extra?.scale ?? 1;
  const unit = extra?.unit ?? (feature.unit === "year" || feature.unit === "pitch class" ? "" : feature.unit);
  return { ...feature, group, label, meaning, choices: extra?.choices, scale, unit, step: extra?.step ?? "any" };
}

export const labelOf = (name) => (name === "anchor" ? "Anchor" : (WORDS[name]?.[1] ?? plain(name)));

// [group, features] in the order of the page.
export function grouped(features) {
  const order = Object.keys(WORDS);
  const place = (feature) => (order.includes(feature.name) ? order.indexOf(feature.name) : order.length);
  const sorted = [...features].sort((a, b) => place(a) - place(b));
  return GROUPS.map((group) => [group, sorted.filter((feature) => feature.group === group)]).filter(([, list]) => list.length);
}

export function write(feature, value) {
  if (value == null) return "unknown";
  const choice = feature.choices?.find(([at]) => at === Math.round(value));
  if (choice) return choice[1];
  if (feature.name === "duration_ms") {
    const seconds = Math.round(value / 1000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
  const digits = Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  const text = String(Number((value / feature.scale).toFixed(digits)));
  return feature.unit ? `${text} ${feature.unit}` : text;
}

export const share = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;

export function ordinal(percentile) {
  const whole = Math.round(percentile);
  const tens = whole % 100;
  const ending = tens > 10 && tens < 14 ? "th" : (["th", "st", "nd", "rd"][whole % 10] ?? "th");
  return `${whole}${ending}`;
}
