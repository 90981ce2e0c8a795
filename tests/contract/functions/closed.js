// An object schema is closed when it names its members and allows no other; an object without named members is a map,
// whose values must have a schema.
const closed = (schema) => schema.additionalProperties === false || schema.unevaluatedProperties === false;

export default (root, _options, context) => {
  const found = [];
  const visited = new Set();
  const visit = (schema, path, closedAbove) => {
    if (schema === null || typeof schema !== "object" || visited.has(schema)) return;
    visited.add(schema);
    if (Array.isArray(schema)) {
      schema.forEach((item, index) => visit(item, [...path, index], closedAbove));
      return;
    }
    const types = [schema.type].flat();
    const isMap = !schema.properties && typeof schema.additionalProperties === "object";
    if ((types.includes("object") || schema.properties) && !closed(schema) && !closedAbove && !isMap) {
      found.push({ message: "an object that a client sends is open: additionalProperties is not false", path });
    }
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      visit(property, [...path, "properties", name], false);
    }
    for (const name of ["items", "additionalProperties", "prefixItems"]) {
      visit(schema[name], [...path, name], false);
    }
    // What stands beside unevaluatedProperties: false is closed by it.
    for (const name of ["allOf", "oneOf", "anyOf", "if", "then", "else"]) {
      visit(schema[name], [...path, name], closedAbove || schema.unevaluatedProperties === false);
    }
  };
  visit(root, [...context.path], false);
  return found;
};
