# SPDX-License-Identifier: MIT
"""Changes of Hemera's data that need no page to be written, including whole answers; and large amounts of unchanged data,
which cost no write."""
import json
import unittest
import urllib.request
from typing import Any

from stack import StackTest

LIST = "/api/service/courses"
MANIFEST = ".sync-manifest.json"


def turned(value: Any) -> Any:
    """The same JSON value with the members of every object in reverse order."""
    if isinstance(value, dict):
        return {name: turned(value[name]) for name in reversed(value)}
    if isinstance(value, list):
        return [turned(element) for element in value]
    return value


class Unchanged(StackTest):
    hemera_arguments = ("--courses", "2", "--participants", "5", "--no-limit")

    def ask(self, path: str) -> Any:
        request = urllib.request.Request(self.hemera.url + path, headers={"X-API-Key": self.hemera.key})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as reply:
            return json.load(reply)

    def answer(self, path: str, body: Any) -> None:
        """From now on Hemera returns only this for that path."""
        self.hemera.scenario(fault={"path": f"^{path}($|\\?)", "kind": "status", "status": 200, "count": -1,
                                    "headers": {"content-type": "application/json"}, "body": json.dumps(body)})

    def assert_nothing_is_written(self) -> None:
        before = self.stack.stamps()
        report = self.sync()
        self.assertEqual((report["status"], report["filesGenerated"], report["filesSkipped"]), ("success", 0, 2))
        self.assertIs(report["homepageChanged"], False)
        self.assertEqual(self.stack.stamps(), before)

    def test_order_images_and_meta_write_no_page(self) -> None:
        self.sync()
        listed = self.ask(LIST)
        details = {row["id"]: self.ask(f"{LIST}/{row['id']}") for row in listed["data"]}

        def everything(change: Any) -> None:
            self.hemera.scenario(fault=None)
            for path, body in [(LIST, listed), *((f"{LIST}/{i}", d) for i, d in details.items())]:
                self.answer(path, change(path, json.loads(json.dumps(body))))

        def rows(_: str, body: Any) -> Any:
            data = body["data"]
            (data if isinstance(data, list) else data["participants"]).reverse()
            return body

        def images(_: str, body: Any) -> Any:
            if isinstance(body["data"], dict):
                for number, row in enumerate(body["data"]["participants"]):
                    row["imageUrl"] = f"https://images.example/{number}.png"
            return body

        changes = {
            "keys": lambda _, body: turned(body),
            "rows and participants": rows,
            "images": images,
            "other images": lambda path, body: json.loads(json.dumps(images(path, body)).replace("png", "jpg")),
            "meta": lambda _, body: body | {"meta": {"requestId": "another", "timestamp": "1999-01-01T00:00:00.000Z"}},
            "no meta": lambda _, body: {name: body[name] for name in body if name != "meta"},
            "unknown members": lambda _, body: body | {"extra": [1, {"x": None}]},
            "all at once": lambda path, body: turned(rows(path, images(path, body))),
        }
        for name, change in changes.items():
            with self.subTest(name):
                everything(change)
                self.hemera.clear_requests()
                self.assert_nothing_is_written()
                self.assertTrue(all(r["fault"] for r in self.hemera.requests(LIST)), "asked in vain")

    def test_one_changed_title_writes_one_page_and_the_homepage(self) -> None:
        self.sync()
        before = self.stack.stamps()
        course_id, entry = sorted(self.stack.manifest["entities"]["courses"].items())[0]
        self.hemera.scenario(course={"id": course_id, "title": "Anders"})
        self.assertEqual(self.sync()["filesGenerated"], 1)
        after = self.stack.stamps()
        self.assertEqual({name for name in after if after[name] != before[name]},
                         {entry["outputPath"], "public/index.de.html", "public/index.en.html", "public/courses.json",
                          "public/courses.ics", "courses.de.html", "courses.en.html"})


class Many(StackTest):
    """Several pages of the list, and more course pages than the number from which syncfs writes all to disk at once."""
    hemera_arguments = ("--courses", "2000", "--no-limit")

    def everything(self) -> dict[str, tuple[int, int, int, int]]:
        paths = [self.stack.output, *self.stack.output.rglob("*")]
        return {str(p): (s.st_ino, s.st_mtime_ns, s.st_ctime_ns, s.st_mode) for p in paths for s in [p.lstat()]}

    def test_an_unchanged_sync_writes_nothing_but_the_manifest(self) -> None:
        self.assertEqual(self.sync()["filesGenerated"], 2000)
        before = self.everything()
        report = self.sync()
        self.assertEqual((report["filesGenerated"], report["filesSkipped"]), (0, 2000))
        after = self.everything()
        self.assertEqual({p for p in before.keys() | after.keys() if before.get(p) != after.get(p)},
                         {str(self.stack.output), str(self.stack.output / MANIFEST), str(self.stack.output / ".state.json")})


class Report(StackTest):
    """The report in the manifest is passed on, even if the file was edited."""

    def test_a_report_of_the_first_version_has_no_list_of_removed_pages(self) -> None:
        self.sync()
        assert self.stack.worker
        self.assertEqual(self.stack.worker.stop(), 0)
        path = self.stack.output / MANIFEST
        manifest = json.loads(path.read_text())
        del manifest["lastSync"]["removed"], manifest["list"]
        path.write_text(json.dumps(manifest))
        self.stack.start_worker()
        status = self.stack.get("/api/sync/status").data
        self.assertEqual((status["removed"], status["listKept"]), ([], None))
        self.assertEqual(self.sync()["filesSkipped"], 3)

    def test_a_report_with_wrong_values_stops_neither_status_nor_sync(self) -> None:
        self.sync()
        assert self.stack.worker
        self.assertEqual(self.stack.worker.stop(), 0)
        path = self.stack.output / MANIFEST
        good = json.loads(path.read_text())
        for value in (None, True, 7, -1, "x", [], {}, [[{}]]):
            with self.subTest(value=value):
                wrong = good | {"lastSync": {name: value for name in good["lastSync"]}}
                path.write_text(json.dumps(wrong))
                self.stack.start_worker()
                self.assertEqual(self.stack.get("/api/sync/status").status, 200)
                self.assertIn(self.stack.cli("status").returncode, (0, 1, 2, 3))
                self.assertEqual(self.stack.get("/").status, 200)
                self.assertEqual(self.sync()["filesSkipped"], 3)
                self.assertEqual(self.stack.worker.stop(), 0)
        self.stack.start_worker()


if __name__ == "__main__":
    unittest.main()
