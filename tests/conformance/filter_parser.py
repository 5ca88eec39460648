"""Evaluates filters with scim2-filter-parser, which generates SQL: its query on SQLite, over the corpus's documents."""

import sqlite3

from scim2_filter_parser.queries import sql

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


class Query(sql.SQLQuery):
    placeholder = "?"


class Tables:
    """A table of the single values, and one of each multi-valued attribute, as in a product."""

    def __init__(self, core, documents, schemas):
        self.database = sqlite3.connect(":memory:")
        self.map, self.joins = {}, []
        columns = ["name_ TEXT"]
        values = {name: {"name_": name} for name in documents}
        for schema in schemas:
            for attribute in schema["attributes"]:
                if attribute.get("returned") != "never":
                    self.add(schema, core, attribute, columns, values, documents)
        self.database.execute(f"CREATE TABLE resources ({', '.join(columns)})")
        for row in values.values():
            names = ", ".join(f'"{key}"' for key in row)
            marks = ", ".join("?" for _ in row)
            self.database.execute(f"INSERT INTO resources ({names}) VALUES ({marks})", list(row.values()))

    def add(self, schema, core, attribute, columns, values, documents):
        urn, name = schema["id"], attribute["name"]
        subs = attribute.get("subAttributes", [])
        key = name if urn == core else f"{schema['name']}_{name}"

        def read(document):
            return (document if urn == core else document.get(urn, {})).get(name)

        if attribute.get("multiValued"):
            parts = subs or [{**attribute, "name": "value"}]
            names = [part["name"] for part in parts]
            typed = ", ".join(f'"{part["name"]}" {kind(part)}' for part in parts)
            self.database.execute(f'CREATE TABLE "{key}" (of_ TEXT, {typed})')
            for owner, document in documents.items():
                for element in read(document) or []:
                    element = element if isinstance(element, dict) else {"value": element}
                    row = [element.get(part) for part in names]
                    self.database.execute(f'INSERT INTO "{key}" VALUES (?{", ?" * len(row)})', [owner, *row])
            self.joins.append(f'LEFT JOIN "{key}" ON "{key}".of_ = resources.name_')
            for part in names:
                self.name(urn, core, name, part, f'"{key}"."{part}"')
            if "value" in names:
                self.name(urn, core, name, None, f'"{key}"."value"')
            return
        for sub in subs or [None]:
            column = key if sub is None else f"{key}_{sub['name']}"
            columns.append(f'"{column}" {kind(sub or attribute)}')
            self.name(urn, core, name, sub and sub["name"], f'resources."{column}"')
            for owner, document in documents.items():
                value = read(document)
                values[owner][column] = value if sub is None else (value or {}).get(sub["name"])

    def name(self, urn, core, name, part, column):
        for urn_ in {None, urn} if urn == core else {urn}:
            self.map[(name, part, urn_)] = column

    def answer(self, filter_):
        try:
            query = Query(filter_, "resources", self.map, self.joins)
            if query.where_sql is None:
                return "error"
            rows = self.database.execute(query.sql, query.params)
            return sorted({row[0] for row in rows})
        except Exception:  # Whatever it raises, there is no answer.
            return "error"


def kind(attribute):
    if attribute["type"] in ("integer", "decimal", "boolean"):
        return "NUMERIC"
    return "TEXT" if attribute.get("caseExact") else "TEXT COLLATE NOCASE"
