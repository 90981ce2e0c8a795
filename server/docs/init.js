"use strict";

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  // A link may lead to an operation, but must not choose the document or any other setting.
  deepLinking: true,
  queryConfigEnabled: false,
  // No validator elsewhere gets to see the contract, and no token outlives the page.
  validatorUrl: null,
  persistAuthorization: false,
  filter: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  // Where a parameter's names are free, Swagger UI fills in names of its own making; the server would refuse them.
  requestInterceptor: (request) => {
    const [path, query] = request.url.split("?");
    const kept = (query ?? "").split("&").filter((pair) => pair && !/^additionalProp\d=string$/.test(pair));
    request.url = kept.length > 0 ? `${path}?${kept.join("&")}` : path;
    return request;
  },
});
