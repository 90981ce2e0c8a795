const members = ["type", "title", "status", "detail", "code", "request_id"];

export default (response) => {
  const kinds = Object.keys(response.content ?? {});
  if (kinds.length !== 1 || kinds[0] !== "application/problem+json") {
    return [{ message: `an error is application/problem+json, not ${kinds.join(", ") || "empty"}` }];
  }
  const schema = response.content[kinds[0]].schema ?? {};
  const missing = members.filter((name) => !schema.properties?.[name] || !schema.required?.includes(name));
  return missing.length > 0 ? [{ message: `the schema is not Problem: no required ${missing.join(", ")}` }] : [];
};
