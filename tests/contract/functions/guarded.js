export default (operation, _options, context) => {
  const security = operation.security ?? context.document.data.security;
  const isPublic = (operation.tags ?? []).includes("public");
  if (!Array.isArray(security)) return [{ message: "the operation says nothing about security" }];
  if (isPublic && security.length > 0) return [{ message: "a public operation has no empty security" }];
  if (!isPublic && security.length === 0) return [{ message: "an operation without a token is not tagged public" }];
  if (security.some((one) => Object.keys(one).length === 0)) return [{ message: "the token is optional" }];
  if (!isPublic && !operation.responses?.["401"]) return [{ message: "an operation behind a token does not name 401" }];
  return [];
};
