"""Sends every example of a server's description to the server, and holds the answers against what is described.

    python tests/openapi/check_examples.py --url http://127.0.0.1:8080

An example is a request body under `examples`, or for a route without a body the examples of its parameters. Each must be valid
under its own schema, be answered with the first status that is described, and the answer must be valid under its schema.
The token for administration, where the server has one, is taken from SECRET_TOKEN. The last line is `N passed, N failed`.
"""

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from urllib.parse import quote, urlencode

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

METHODS = ("get", "put", "post", "delete", "patch")


def fetch(url, method="GET", body=None, headers=None):
    """Status, headers and body of an answer, whatever the status."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


class Description:
    """An OpenAPI document, its references resolved."""

    def __init__(self, document):
        self.document = document
        resource = Resource.from_contents(document, default_specification=DRAFT202012)
        self.registry = Registry().with_resource("urn:description", resource)

    def resolved(self, value):
        """What a reference leads to; everything else as it is."""
        while isinstance(value, dict) and "$ref" in value:
            value, path = self.document, value["$ref"].removeprefix("#/").split("/")
            for name in path:
                value = value[name.replace("~1", "/").replace("~0", "~")]
        return value

    def validate(self, schema, value):
        """Raises where `value` is not as `schema` says."""
        Draft202012Validator(absolute(schema), registry=self.registry).validate(value)

    def operations(self):
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield method.upper(), path, item[method]


def absolute(schema):
    """The same schema with references that say which document they are of."""
    if isinstance(schema, dict):
        return {
            name: f"urn:description{value}" if name == "$ref" and value.startswith("#") else absolute(value)
            for name, value in schema.items()
        }
    return [absolute(value) for value in schema] if isinstance(schema, list) else schema


def examples(description, method, path, operation):
    """Name, path with parameters, and body of every example request."""
    query = []
    for parameter in operation.get("parameters", []):
        example = parameter.get("example", parameter["schema"].get("example"))
        if example is None:
            if parameter.get("required"):
                raise AssertionError(f"{method} {path}: the parameter {parameter['name']} has no example")
            continue
        description.validate(parameter["schema"], example)
        if parameter["in"] == "path":
            path = path.replace("{%s}" % parameter["name"], quote(str(example), safe=""))
        else:
            text = ",".join(example) if isinstance(example, list) else str(example)
            query.append((parameter["name"], text))
    if query:
        path += "?" + urlencode(query)
    if "requestBody" not in operation:
        yield "parameters", path, None
        return
    content = operation["requestBody"]["content"]["application/json"]
    bodies = {name: example["value"] for name, example in content.get("examples", {}).items()}
    if "example" in content:
        bodies["example"] = content["example"]
    if not bodies:
        raise AssertionError(f"{method} {path}: no example of a body")
    for name, body in bodies.items():
        description.validate(content["schema"], body)
        yield name, path, body


def check(description, url, method, path, operation, body):
    """Sends one example; raises where the answer is not as described."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if operation.get("security"):
        headers["Authorization"] = "Bearer " + os.environ.get("SECRET_TOKEN", "")
    status, given, answer = fetch(url + path, method, body, headers)
    expected = next(iter(operation["responses"]))
    if str(status) != expected:
        raise AssertionError(f"answered with {status} instead of {expected}: {answer[:500]!r}")
    content = description.resolved(operation["responses"][expected])["content"]
    media_type = given.get_content_type()
    if media_type not in content:
        raise AssertionError(f"answered as {media_type}; described are {', '.join(content)}")
    value = json.loads(answer) if media_type.endswith("json") else answer.decode()
    description.validate(content[media_type]["schema"], value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    url = parser.parse_args().url.rstrip("/")
    status, _, text = fetch(url + "/openapi.json")
    if status != 200:
        sys.exit(f"{url}/openapi.json answers with {status}")
    description = Description(json.loads(text))
    passed, failed = 0, 0
    for method, path, operation in description.operations():
        try:
            for name, filled, body in examples(description, method, path, operation):
                check(description, url, method, filled, operation, body)
                passed += 1
        except Exception as error:  # Whatever is wrong with one example, the others are looked at.
            failed += 1
            print(f"{method} {path}: {str(error)[:2000]}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
