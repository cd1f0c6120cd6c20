// SPDX-License-Identifier: MIT
// Courses for the stub Hemera. The years are in the distant past and future, so that a page looks the same on every day.

const LEVELS = ["BEGINNER", "INTERMEDIATE", "ADVANCED"];

const course = (slug, title, level, startDate, endDate, participants = []) => ({
	id: `c${slug}`, slug, title, level, startDate: startDate && `${startDate}T11:00:00.000Z`,
	endDate: endDate && `${endDate}T11:00:00.000Z`, participants,
});

const booking = (id, name, status, rest = {}) => ({
	bookingId: `cb${id}`, participationId: status === "NONE" ? null : `cp${id}`, name, status, ...rest,
});

const SALARY = [
	booking("1", "Jana Hoffmann", "PREPARATION", {
		preparationIntent: "Mein Gehalt ist seit drei Jahren gleich, die Aufgaben sind es nicht.",
		desiredResults: "10 % mehr oder vier Tage bei gleichem Gehalt.",
		lineManagerProfile: "Freundlich, aber an ein Budget gebunden, das er nicht selbst bestimmt.",
		preparationCompletedAt: "2047-12-20T09:00:00.000Z",
	}),
	booking("2", "Mehmet Arslan", "SUMMARY", {
		preparationIntent: "Nicht wieder als Erster eine Zahl nennen.\n\n- Marktwert kennen\n- Erfolge belegen\n- ruhig bleiben",
		desiredResults: "Ein Gespräch, nach dem beide Seiten zufrieden sind.",
	}),
	booking("3", "ليلى منصور", "COMPLETE", {
		preparationIntent: "أريد أن أتحدث بهدوء وأن أصل إلى اتفاق عادل مع مديري.",
		preparationCompletedAt: "2047-12-21T09:00:00.000Z",
	}),
	booking("4", `Wolfeschlegel${"steinhausenbergerdorff".repeat(6)}`, "NONE"),
	booking("5", null, "NONE"),
];

export const THREE = [
	course("gehalt", "Gehaltsgespräche führen: Größe zeigen", "BEGINNER", "2048-03-14", "2048-03-15", SALARY),
	course("harvard", "Verhandeln nach dem Harvard-Konzept", "INTERMEDIATE", "2048-04-22", "2048-04-24",
		SALARY.slice(0, 2).map((b, i) => ({ ...b, bookingId: `cbh${i}`, participationId: `cph${i}` }))),
	course("konflikte", "Konflikte im Team lösen <& ruhig bleiben>", "ADVANCED", "2048-05-05", null),
];

export const ENDLESS = `Donaudampfschifffahrt${"elektrizitätenhauptbetriebswerk".repeat(9)}`.slice(0, 300);

// Usual and unexpected texts on one page.
export const ACADEMY = [
	...THREE,
	course("fuehrung", "Führen ohne Weisung", "INTERMEDIATE", "2019-09-30", "2048-01-15"),
	course("hundert", "Die ersten 100 Tage als Führungskraft", "BEGINNER", "2048-06-01", "2048-06-02"),
	course("lang", "Schwierige Gespräche mit Vorgesetzten, Kolleginnen, Kollegen und sich selbst: ein Kurs für alle, die "
		+ "lange überlegen, wie sie anfangen sollen, und dann doch nichts sagen", "ADVANCED", "2048-06-20", null),
	course("endlos", ENDLESS, "INTERMEDIATE", "2048-07-01", null),
	course("arabisch", "فن التفاوض: من الموقف إلى المصلحة (المستوى 2)", "INTERMEDIATE", "2048-08-12", "2048-08-13"),
	course("ohne-titel", "", "BEGINNER", "2048-09-09", null),
	course("sommer", "Sommerakademie: Verhandlung intensiv", "ADVANCED", null, null),
	course("preise", "Preisgespräche im Vertrieb", "INTERMEDIATE", "2019-03-11", "2019-03-12"),
	course("stimme", "Stimme, Auftritt, Wirkung", "BEGINNER", "2019-02-04", null),
	course("einkauf", "Einkaufsverhandlungen vorbereiten", "ADVANCED", "2018-11-19", "2018-11-21"),
];

// Letters whose plain forms differ by more than an accent, a soft hyphen and a zero-width space.
const FOLDED = "Œuvre, Łódź, Øre, Ærø, Đông: Kom\u00admuni\u00adkation im Zeit\u200bplan";

export const MANY = Array.from({ length: 500 }, (_, i) => {
	const year = i % 10 === 9 ? null : i % 10 < 7 ? 2048 : 2018;
	const day = `${String(1 + (i % 12)).padStart(2, "0")}-${String(1 + (i % 28)).padStart(2, "0")}`;
	const title = i === 1 ? FOLDED : `Verhandlungstraining ${i}: ${i % 25 === 0 ? "Preise" : "Ziele"} & Größen`;
	return course(`kurs-${i}`, title, LEVELS[i % 3], year && `${year}-${day}`, null);
});

// A year of an academy: enough for months, a filter and columns to sort by.
const SUBJECTS = ["Verhandeln nach dem Harvard-Konzept", "Gehaltsgespräche führen", "Konflikte im Team lösen", "Sicher auftreten",
	"Preisgespräche im Vertrieb", "Einkaufsverhandlungen vorbereiten", "Moderieren und entscheiden", "Schwierige Gespräche führen"];

export const FORTY = Array.from({ length: 40 }, (_, i) => {
	const year = i % 10 === 9 ? null : i % 8 === 7 ? 2019 : 2048;
	const month = String(1 + Math.floor(i / 4)).padStart(2, "0");
	const first = 1 + (i * 7) % 26;
	const day = (number) => `${year}-${month}-${String(number).padStart(2, "0")}`;
	return course(`jahrgang${i}`, `${SUBJECTS[i % 8]}${i < 8 ? "" : ` ${1 + Math.floor(i / 8)}`}`, LEVELS[i % 3], year && day(first),
		year && i % 3 !== 1 ? day(first + 1 + i % 2) : null, SALARY.slice(0, i % 3).map((b, k) => (
			{ ...b, bookingId: `cby${i}b${k}`, participationId: `cpy${i}b${k}` })));
}).concat(course("laeuft", "Führen ohne Weisung", "INTERMEDIATE", "2019-09-30", "2048-01-15"));

export const SCENES = { none: [], three: THREE, academy: ACADEMY, forty: FORTY, many: MANY };
