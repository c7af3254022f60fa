"""Texts with a secret in them (`§`), as programs, configurations and logs write them. Each with the shapes it can hold."""

from __future__ import annotations

HEAD = "Nov 25 12:00:01 mail app[7]: "
# The name stands on another line than the value, or in another place than before it.
LAID_OUT = (
    'smtp_password = "x" \\\n  "§"\n',
    "user;pw;host\nacme;§;mail.example.com\n",
    'Transport.send(message, "acme", "§")',
    "mail.example.com:587:acme:§\n",
    "parola d'ordine: §\n",
    "login/password = web12 / §",
    "sed -i 's/^password.*/password §/' /etc/msmtprc",
    'session.connect("mail.example.com", 465, "acme", "§")',
    "cred: *p\nuser: acme\nsecret: &p §\n",
    "host       port  user  password\nh.test     587   acme  §\n",
    "eve: and which password does it use?\nbob: §\neve: 535\n",
    "Passwort:\n§\nServer:\nsmtp.example.com\n",
    "mail:\n  user: acme\n  password: |\n    §\n    second §\n  port: 587\n",
    "smtp:\n  secret:\n    first\n    §\n  port: 587\n",
    "spring.mail.password=begins\\\n  §\nspring.mail.port=587\n",
    "host,port,user,password,from\nsmtp.example.com,587,acme,§,a@example.com\n",
    " id | host | password \n----+------+----------\n  1 | h    | §\n(1 row)\n",
    "+------+----------+\n| user | password |\n+------+----------+\n| acme | §        |\n+------+----------+\n",
    "kind: Secret\nmetadata:\n  name: smtp\nstringData:\n  relay: §\n",
    "data:\n  anything: ±\nkind: Secret\n",
    '  ["smtp_pass"]=>\n  string(14) "§"\n',
    's:9:"smtp_pass";s:14:"§";s:4:"port";i:587;',
    "user acme\npassword § §\nport 587\n",
    "user: acme\nMot de passe : Roi § chêne\n",
    "Kennwort (SMTP)  :  §",
    '<input type="password" name="x" value="§">',
    "Cookie: a=b1; c=§",
    "JavaMailSenderImpl[host=h,username=acme,password=a § b,port=587]",
    "smtp_pass: !vault |\n  §\nport: 587\n",
    "my password is: Roi § chêne\n535 5.7.8 no\n",
    "+OK POP3 ready\nUSER acme\n+OK\nPASS a §\n-ERR [AUTH] failed",
    'a1 LOGIN "acme" "a \\"§\\" b"\na1 NO LOGIN failed',
    "curl --user 'acme:a §' smtps://h -> 67",
    "smtp://acme:a#b/§@h:587",
    'sendto(3, "±\\r\\n", 18, 0, NULL, 0) = 18',
    ":smtp.example.com:587 acme §",
    "A3 LOGIN {5}\n+ OK\nacme2 {9}\n+ OK\n§\nA3 NO Login failed",
    'read(3, "user acme\\npassword §\\n", 4096) = 44',
    "ExecStart=/usr/bin/bot \\\n  --mail-password \\\n  'a § b'\n",
    "smtp::sendmessage $t -username acme -password {a § b} -servers h",
    r'"{\\\"smtp_pass\\\":\\\"§\\\"}"',
    "printf '\\\\0%s\\\\0%s' acme '§' | base64",
    "pass phrase for the key is 'a § b': bad decrypt",
    "x: &p a §\nsmtp:\n  password: *p\n",
    "expanding: pass=a-§\n  result: a-§\n",
    "password changed '§' to 'x'",
    '~ smtp_password = "xK9qLm" -> "§"',
    "VALUES ('smtp_password','Zq7''§')",
    "{Host:h Port:587 Password:§ From:a@example.com}",
    "smtp%5Bpassword%5D=§&user=acme",
    "client_send = : acme : §",
    "smtp.example.com:acme:A§",
    "Auth->authenticate(Object(Transport), 'acme', '§')",
    '{"login": ["acme", "§"]}',
    "  -o { smtp_sasl_password_maps = static:acme:x § }",
    "password: %q(a § b)",
    "[mail]\nsmtp_password =\n    a §\nsmtp_host = h\n",
    "mail: {host: h, user: acme, password: a §, port: 587}",
    '{"password": ["x", "§"]}',
    '"host","user","password"\n"h","acme","a,§"\n',
    "INSERT INTO smtp (host, username, password, port) VALUES ('h','acme','a §',587);",
    '<param value="§" name="smtp.password"/>',
    "UPDATE t SET value = 'a §' WHERE name = 'smtp_password';",
    "kv put mail/smtp_password 'a §'",
    "secret set SMTP_PASS --body §",
    "334 Username:\nacme\n334 Password:\n§\n535 5.7.8 failed",
    '["password":protected]=>\n  string(12) "a §"\n',
    "Le mot de passe de acme est « a § »",
    "Host not found. Name service error for name=acme:§@smtp.example.com type=A",
    "line 3: expected format: key whitespace value -- ignoring this line: h.example.com:acme:§",
)
# One word: the value ends at a blank or a sign.
WORD = r"""
password §
Password: §
the password is § now
PASS=§
MAIL_PASSWORD=§ 535 5.7.8 bad
SMTP_PASS: §
smtpPassword=§
mail.smtp.password=§
spring.mail.password=§
--password § --host smtp.example.com
--password=§
java -Dmail.smtp.password=§ -jar app.jar
swaks --to a@example.com --server h -au acme -ap §
swaks --auth-user acme --auth-password § --tls
sendemail -f a@example.com -xu acme -xp § -t b@example.com
mysql -u acme -p§ mail
sshpass -p § ssh host
curl --user acme:§ https://api.example.com/v3
curl -u acme:§ smtps://smtp.example.com
curl -sS -u 'acme:§' smtps://smtp.example.com
ldapsearch -x -D cn=admin -w § -b dc=x
mailx -S smtp-auth-password=§ -S smtp=h
Authorization: Bearer §
authorization: Basic §
X-Api-Key: §
X-Auth-Token: §
X-Postmark-Server-Token: §
api_key=§
apikey: §
api-key => §
(api_key=§)
user app (api_key=§)
[token=§]
{token: §}
<token>§</token>
<smtp:password>§</smtp:password>
<wsse:Password Type="text">§</wsse:Password>
&token=§&x=1
https://api.example.com/send?token=§
https://api.example.com/send?x=1&api_key=§&y=2
GET /hook?key=§ HTTP/1.1
machine smtp.example.com login acme password §
user=acme password=§ host=db
dsn: host=db user=acme pwd=§
Server=db;Uid=acme;Pwd=§;Port=3306
relayhost acme:§@[smtp.example.com]:587
next hop acme:§@smtp.example.com:587
connect to acme:§@[smtp.example.com]:587: refused
warning: relayhost: acme:§@[smtp.example.com]
env SMTP_PASSWORD=§ /usr/bin/app
export SMTP_PASSWORD=§
set smtp_password=§
setenv SMTP_PASSWORD §
client_secret=§
"refresh_token":"§"
secret=§
secret: §
pw: §
pw=§
pwd §
passphrase §
credential=§
credentials: §
auth_key: §
access_key=§
secret_access_key = §
AWS_SECRET_ACCESS_KEY=§
auth: LOGIN acme/§ password=§
postfix/smtp[7]: smtp_sasl_authenticate: h[192.0.2.1]: user=acme, pass=§
postfix/smtp[7]: smtp_sasl_passwd_lookup: host `h' user `acme' pass `§'
postfix/smtp[7]: maps_find: smtp_sasl_password_maps: hash:/etc/postfix/sasl_passwd(0,lock|fold_fix): [h]:587 = acme:§
postfix/smtp[7]: send attr value = acme:§
postfix/proxymap[7]: input attribute value: acme:§
postfix/smtp[7]: warning: smtp_sasl_password_maps lookup error for static:acme:§
warning: dict static:acme:§ lookup error
postmap: warning: /etc/postfix/sasl_passwd.db: duplicate entry: "[h]:587:acme:§"
dovecot: auth: Debug: client passdb out: password=§
identified by '§'
PASSWORD §;
bindpw §
defaults: password §
pam: passwd=§,user=acme
login acme passwd §
auth login acme with password §
Invalid password "§" for user acme
Login with acme / password '§' failed
DEBUG SMTP: AUTH LOGIN user=acme password=§
smtp.auth.password -> §
smtp.auth.password := §
$ export MAILGUN_API_KEY=§
SENDGRID_API_KEY=§
webhook_secret=§
signing key: §
"""
# The value stands in quotes or goes to the end of the line.
LINE = r'''
password = §
password: §
  password:   §
- password: §
mail.smtp.password = §
mail.password=§
'password' => '§',
"password" => "§",
:password => '§'
:password => "§",
password: "§"
password: '§',
"password": "§",
{"user":"acme","password":"§"}
{"auth":{"user":"acme","pass":"§"}}
{\"password\":\"§\",\"x\":1}
{"name":"SMTP_PASSWORD","value":"§"}
{"key": "smtp.password", "value": "§"}
<password>§</password>
<Password xsi:type="string">§</Password>
<entry key="mail.smtp.password">§</entry>
<property name="password" value="§"/>
<prop key="mail.password">§</prop>
<add key="SmtpPassword" value="§" />
<network host="h" userName="acme" password="§" />
<password><![CDATA[§]]></password>
<key>SMTPPassword</key><string>§</string>
new NetworkCredential("acme", "§")
new PasswordAuthentication("acme", "§")
server.login("acme", "§")
smtp.login('acme', '§')
auth=("acme", "§")
auth = ["acme", "§"]
$mail->Password = '§';
$mail->Password   = "§";
$config['smtp_pass'] = '§';
define('SMTP_PASS', '§');
define( "WPMS_SMTP_PASS", "§" );
EMAIL_HOST_PASSWORD = '§'
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "§")
app.config["MAIL_PASSWORD"] = "§"
ENV['SMTP_PASSWORD'] = '§'
process.env.SMTP_PASS = "§"
setPassword("§")
.setPassword('§')
.password("§")
props.put("mail.smtp.password", "§");
String password = "§";
const char *password = "§";
let smtp_password = "§";
val password: String = "§"
password := "§"
password="§"
password='§'
$db_pw = "§"
$password = '§',
smtp_password => '§',
password <- "§"
password = b'§'
password = r"§"
password = """§"""
password = q{§};
password = [[§]]
password = `§`
(password . "§")
:password "§"
{password, "§"}
{password, <<"§">>}
password = “§”
Password «§»
export SMTP_PASSWORD="§"
export SMTP_PASSWORD='§'
Environment="SMTP_PASSWORD=§"
Environment=SMTP_PASSWORD=§
-e SMTP_PASSWORD="§"
ENV SMTP_PASSWORD="§"
--password "§"
--password '§'
['--password', '§']
["swaks", "-ap", "§"]
"Password"="§"
password|§
password	§
; password = §
# password = §
// password: "§"
api_key = "§"
api_token: '§'
"api_key" : "§"
auth_token = "§"
secret: "§"
client_secret: '§'
bind_pw = §
olcRootPW: §
ldap_bind_pw = §
dbpassword = §
connect = host=/run/mysqld dbname=mail user=acme password="§"
hosts = db password='§'
password        §
AuthPass=§
AuthPass = §
SMTPPassword=§
passwd: §
MailPassword "§"
userPassword: §
Passwort: §
mot_de_passe="§" motdepasse: "§"
contraseña: "§"
kennwort = §
Mail::Password "§"
smtp-auth-password=§
set smtp_pass="§"
set imap_pass='§'
password "§";
tls_password = "§"
key_password: "§"
pass: §
"pass": "§"
'pass' : '§'
pass => "§"
'''
# A word of small letters, which only the sentence or the place tells from others.
LOWER = (
    "mein Passwort ist § und der Benutzer acme",
    "la clave de esa cuenta es §, y nada",
    "relayhost = [smtp.example.com]:587:acme:§",
    "relayhost = [smtp.example.com]:587/acme/§",
    "relayhost = acme%40a.example:§@smtp.example.com",
    "relay2/unix/relayhost = acme:§@smtp.example.com",
    "default_transport = smtp:acme:§@smtp.example.com",
    "smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd acme:§",
    "smtp_sasl_password_maps = regexp:{ {/^smtp/ acme:§} }",
    "smtp_sasl_password_maps = texthash:{ {smtp.example.com acme:§} }",
    "smtp_sasl_password_maps = inline:{ { smtp.example.com =\n  acme:§ } }",
    "smtp_sasl_tls_security_options = noanonymous acme:§",
    "smtp_sasl_mechanism_filter = plain, login, acme:§",
    "default_transport = relay:[smtp.example.com]:587#acme#§",
    '{"smtp":{"credentials":{"login":"acme","value":"§"}},"msg":"535 5.7.8"}',
    "fatal: unsupported dictionary type: acme:§",
    "login failed for acme with password §",
    "I tried user acme and pass § but 535",
    "we use acme with password § on port 587",
    "my app password § does not work",
    "login acme, pw §",
    "Login failed for acme:§@h",
    "acme|smtp.example.com:§",
    'table secrets { label = "acme:§" }',
    "AUTH LOGIN command trace: acme §",
    "App-Passwort lautet §",
    "\u5bc6\u7801\uff1a§",
    "das Kennwort lautet §, aber",
    "SMTP AUTH failed for acme/§: 535 5.7.8",
    'transport.connect("smtp.example.com", "acme", "§");',
    "Net::SMTP.start('smtp.example.com', 587, 'h', 'acme', '§', :login)",
    'Net::SMTP::auth(Net::SMTP=GLOB(0x55), "acme", "§")',
    "testsaslauthd -u acme -p § -s smtp",
    "doveadm auth test acme §",
    "set -x SMTP_PASSWD §",
    'd := gomail.NewDialer("smtp.example.com", 587, "acme", "§")',
    'Fields("http://schemas.microsoft.com/cdo/configuration/sendpassword") = "§"',
    "sql(acme): PLAIN(§) != 'x'",
    "we changed the password from § to x9yz",
    "Login failed for user acme (password §): 535 5.7.8",
    "smtp_host,smtp.example.com\nsmtp_password,§",
)

# base64, keys of providers, and dialogues over several lines: `§` is the value, `±` base64 of the value,
# `þ` of NUL acme NUL value, `ø` of "user=acme\1auth=Bearer value\1\1", `ß` of "acme:value"
CODED = (
    "C: AUTH PLAIN þ",
    "AUTH PLAIN þ",
    "> AUTH PLAIN þ",
    "AUTH XOAUTH2 ø",
    "Authorization: Basic ß",
    "Proxy-Authorization: Basic ß",
    "postfix/smtp[7]: > h[192.0.2.1]:587: AUTH PLAIN þ",
    "postfix/smtp[7]: > h[192.0.2.1]:587: ±",
    "xsasl_cyrus_client_first: uncoded initial reply: acme§",
    "dovecot: auth: Debug: client in: AUTH\t1\tPLAIN\tservice=smtp\tresp=þ",
    "auth: Debug: client in: CONT#0111#011resp=þ",
    "S: 334 VXNlcm5hbWU6\nC: YWNtZQ==\nS: 334 UGFzc3dvcmQ6\nC: ±\nS: 535 5.7.8 bad",
    "AUTH LOGIN\n334 VXNlcm5hbWU6\nYWNtZQ==\n334 UGFzc3dvcmQ6\n±\n535 5.7.8 Error: authentication failed",
    "DEBUG SMTP: AUTH LOGIN command trace suppressed\nAUTH LOGIN\n334 VXNlcm5hbWU6\nYWNtZQ==\n334 UGFzc3dvcmQ6\n±\n535 no",
    "CLIENT -> SERVER: AUTH LOGIN\nSERVER -> CLIENT: 334 VXNlcm5hbWU6\nCLIENT -> SERVER: YWNtZQ==\nSERVER -> CLIENT: 334 UGFzc3dvcmQ6\nCLIENT -> SERVER: ±\nSERVER -> CLIENT: 535 5.7.8 bad",
    "SMTP -> FROM SERVER:535 5.7.8 bad\nSMTP -> ERROR: Password not accepted\nCLIENT -> SERVER: ±",
    "2026-11-25 12:00:00\tCLIENT -> SERVER: AUTH LOGIN\n2026-11-25 12:00:01\tCLIENT -> SERVER: ±",
    "<~  334 UGFzc3dvcmQ6\n ~> ±\n<~* 535 5.7.8 bad",
    "<-  334 UGFzc3dvcmQ6\n -> ±\n<** 535 5.7.8 bad",
    ">>> AUTH LOGIN YWNtZQ==\n<<< 334 UGFzc3dvcmQ6\n>>> ±\n<<< 535 no",
    "send: 'AUTH PLAIN þ\\r\\n'\nreply: b'535 5.7.8 bad\\r\\n'",
    "send: 'AUTH LOGIN YWNtZQ==\\r\\n'\nreply: b'334 UGFzc3dvcmQ6\\r\\n'\nsend: '±\\r\\n'\nreply: b'535 bad\\r\\n'",
    "-> AUTH LOGIN\n<- 334 VXNlcm5hbWU6\n-> YWNtZQ==\n<- 334 UGFzc3dvcmQ6\n-> ±\n<- 535 5.7.8",
    "334 UGFzc3dvcmQ6\n±",
    "335 continue\nAUTH PLAIN\n334 \nþ\n535 5.7.8 bad",
    "±\n±\n-----END PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n±\n±\n-----END PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----\n§\n§\n-----END RSA PRIVATE KEY-----",
    "name: SMTP_PASSWORD\n  value: §",
    '- name: MAIL_PASSWORD\n  value: "§"',
    "password: |\n  §",
    "password: >-\n    §\nport: 587",
    "<name>password</name>\n<value>§</value>",
    '"password":\n  "§"',
    "password =\n  '§'",
)
PROVIDER = ("SG.{22}.{43}", "xkeysib-{h64}-{16}", "xsmtpsib-{h64}-{16}", "md-{22}", "re_{8}_{16}", "key-{h32}", "AKIA{U16}", "EAA{40}",
            "ghp_{36}", "gho_{36}", "github_pat_{22}_{59}", "glpat-{20}", "xoxb-{12}-{24}", "sk_live_{24}", "mlsn.{h64}",
            "{h32}-us12", "{h32}-{h8}-{h8}", "SK{h32}", "ya29.{40}", "AIza{35}", "eyJ{20}.eyJ{40}.{43}", "B{43}",
            "whsec_{32}", "dckr_pat_{27}", "xapp-1-A{10}-{40}", "AGE-SECRET-KEY-1{U58}")  # fmt: skip
AROUND = (
    "§",
    "535 5.7.8 bad key § refused",
    "using §",
    "header x-smtp: §",
    "({§})",
    '"§"',
    "url?x=§&y=2",
    "key:§",
    "§: unauthorized",
)
