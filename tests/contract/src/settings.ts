// What the runner tells: a live server and one of its admins.
const needed = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
};

export const url = needed("STEWARD_URL");
export const credentials = {
  organization: needed("STEWARD_ORG"),
  email: needed("ADMIN_EMAIL"),
  password: needed("ADMIN_PASSWORD"),
};
