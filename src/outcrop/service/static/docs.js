// The interface in words, made from openapi.json. Text only ever becomes text nodes.
"use strict";

const make = (tag, text, parent, attributes = {}) => {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (parent) parent.append(node);
  return node;
};

const kind = (schema, api) => {
  if (!schema) return "";
  if (schema.$ref) return kind(api.components.schemas[schema.$ref.split("/").pop()], api) || schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map((one) => kind(one, api)).filter((one) => one !== "null").join(" or ");
  if (schema.enum) return schema.enum.join(", ");
  if (schema.type === "array") return `several: ${kind(schema.items, api)}`;
  return schema.format === "binary" || schema.contentMediaType ? "file" : schema.title && schema.type === "object" ? schema.title : schema.type || "";
};

const rows = (list, parent, caption) => {
  if (!list.length) return;
  const table = make("table", "", parent);
  make("caption", caption, table);
  for (const one of list) {
    const row = make("tr", "", table);
    make("code", one.name, make("td", "", row));
    make("td", one.kind, row);
    make("td", one.said, row);
  }
};

const show = (api) => {
  document.getElementById("title").textContent = `${api.info.title} ${api.info.version}`;
  document.getElementById("about").textContent = api.info.description;
  const contents = make("ul", "", document.getElementById("contents"));
  const place = document.getElementById("routes");
  place.textContent = "";
  for (const [path, verbs] of Object.entries(api.paths)) {
    for (const [verb, route] of Object.entries(verbs)) {
      const id = route.operationId;
      make("a", `${verb.toUpperCase()} ${path}`, make("li", "", contents), { href: `#${id}` });
      const part = make("section", "", place, { id });
      const head = make("h2", "", part);
      make("span", verb.toUpperCase(), head, { class: "verb" });
      make("code", path, head);
      make("p", route.description || route.summary, part);
      rows((route.parameters || []).map((one) => ({
        name: one.name, kind: kind(one.schema, api), said: one.description || one.schema?.description || "",
      })), part, "In the address or the headers");
      for (const content of Object.values(route.requestBody?.content || {})) {
        const name = content.schema?.$ref?.split("/").pop();
        const schema = name ? api.components.schemas[name] : content.schema;
        rows(Object.entries(schema?.properties || {}).map(([field, one]) => ({
          name: field, kind: kind(one, api), said: one.description || "",
        })), part, "In the body");
      }
      const good = Object.entries(route.responses).filter(([code]) => Number(code) < 300);
      make("p", good.map(([code, one]) => `${code}: ${one.description}`).join("; "), part);
    }
  }
};

fetch("/openapi.json").then((answer) => answer.json()).then(show);
