// What nodemailer makes of settings: [[path, text], ...] on standard input; [host, port, tls, user, password] or null for each.
"use strict";
const { createTransport } = require("/usr/share/nodejs/nodemailer");
const SMTPConnection = require("/usr/share/nodejs/nodemailer/lib/smtp-connection");

function options(path, text) {
  if (path.endsWith(".js")) {
    const made = new Function("require", "module", "process", `${text}; return module.exports;`);
    return made(() => ({ createTransport }), {}, { env: {} }).transporter.options;
  }
  if (!path.endsWith(".json")) return createTransport(/^SMTP_URL=(\S+)$/m.exec(text)[1]).transporter.options;
  const all = JSON.parse(text);
  const named = ["mail", "smtp", "transport", "mailer"].map((name) => all[name] && (all[name].transport || all[name]));
  return createTransport(named.find((one) => one && (one.host || one.service)) || all).transporter.options;
}

const answers = JSON.parse(require("fs").readFileSync(0, "utf8")).map(([path, text]) => {
  try {
    const said = options(path, text);
    const made = new SMTPConnection(said);
    const tls = made.secureConnection ? "implicit" : said.requireTLS ? "starttls-required" : said.ignoreTLS ? "none" : "starttls";
    const { user = "", pass = "" } = said.auth || {};
    return [made.host, made.port, tls, user, pass];
  } catch {
    return null;
  }
});
process.stdout.write(JSON.stringify(answers));
