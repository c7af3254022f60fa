<?php
// What PHP's own libraries make of settings files. Standard input: [[kind, path, text], ...] as JSON; output: for each
// [host, port, beginning of TLS, user, password], or null where it is refused or nothing is sent by SMTP.
//
//   laravel    phpdotenv, and what Laravel 11's MailManager::createSmtpTransport does with Symfony's transport
//   symfony    Symfony's Dotenv and Mailer
//   phpmailer  PHPMailer, as a WordPress plug-in sets it up
//   nextcloud, drupal, matomo   the values as PHP reads them; by Nextcloud's Mailer.php, Drupal's SMTPMailSystem.php, Matomo's Transport.php

use Symfony\Component\Mailer\Transport;
use Symfony\Component\Mailer\Transport\Dsn;
use Symfony\Component\Mailer\Transport\RoundRobinTransport;
use Symfony\Component\Mailer\Transport\Smtp\EsmtpTransport;
use Symfony\Component\Mailer\Transport\Smtp\EsmtpTransportFactory;

foreach (['Dotenv', 'Symfony/Component/Mailer', 'Symfony/Component/Dotenv', 'libphp-phpmailer'] as $name) {
    require_once "/usr/share/php/$name/autoload.php";
}

function way($transport): ?array {
    if (!$transport instanceof EsmtpTransport) return null;
    $stream = $transport->getStream();
    $tls = $stream->isTLS() ? 'implicit' : 'starttls';
    $login = $transport->getUsername() ? [$transport->getUsername(), $transport->getPassword()] : ['', ''];
    return [$stream->getHost(), $stream->getPort(), $tls, ...$login];
}

function laravel(string $text): ?array {
    $value = fn ($text) => in_array(strtolower($text ?? ''), ['null', '(null)', 'empty', '(empty)'], true) ? null : $text;
    $env = array_map($value, Dotenv\Dotenv::parse($text));
    if (($env['MAIL_MAILER'] ?? $env['MAIL_DRIVER'] ?? 'log') !== 'smtp') return null;
    $port = $env['MAIL_PORT'] ?? 2525;
    $scheme = $env['MAIL_SCHEME'] ?? null ?: ($port == 465 ? 'smtps' : 'smtp');
    $dsn = new Dsn($scheme, $env['MAIL_HOST'] ?? '127.0.0.1', $env['MAIL_USERNAME'] ?? null, $env['MAIL_PASSWORD'] ?? null, $port);
    $factory = new EsmtpTransportFactory();
    // Symfony 7, which Laravel 11 comes with, asks this itself.
    return $factory->supports($dsn) ? way($factory->create($dsn)) : null;
}

function symfony(string $text): ?array {
    $env = (new Symfony\Component\Dotenv\Dotenv())->parse($text);
    $transport = Transport::fromDsn($env['MAILER_DSN']);
    if ($transport instanceof RoundRobinTransport) {
        $several = new ReflectionProperty(RoundRobinTransport::class, 'transports');
        $several->setAccessible(true);
        $transport = $several->getValue($transport)[0];
    }
    return way($transport);
}

$hooks = [];
function add_action($name, $call) { global $hooks; $hooks[] = $call; }

function phpmailer(string $text): ?array {
    global $hooks;
    $hooks = [];
    eval(preg_replace('/^<\?php/', '', $text));
    $mail = new PHPMailer\PHPMailer\PHPMailer(true);
    foreach ($hooks as $each) $each($mail);
    if ($mail->Mailer !== 'smtp') return null;
    $tls = ['ssl' => 'implicit', 'tls' => 'starttls-required', '' => $mail->SMTPAutoTLS ? 'starttls' : 'none'][$mail->SMTPSecure];
    $login = $mail->SMTPAuth ? [$mail->Username, $mail->Password] : ['', ''];
    return [$mail->Host, $mail->Port, $tls, ...$login];
}

function nextcloud(string $text): ?array {
    eval(preg_replace('/^<\?php/', '', $text));
    if (($CONFIG['mail_smtpmode'] ?? 'smtp') !== 'smtp') return null;
    $login = ($CONFIG['mail_smtpauth'] ?? false) ? [$CONFIG['mail_smtpname'] ?? '', $CONFIG['mail_smtppassword'] ?? ''] : ['', ''];
    $tls = ($CONFIG['mail_smtpsecure'] ?? '') === 'ssl' ? 'implicit' : 'starttls';
    return [$CONFIG['mail_smtphost'] ?? '127.0.0.1', (int) ($CONFIG['mail_smtpport'] ?? 25), $tls, ...$login];
}

function drupal(string $text): ?array {
    $config = $databases = $settings = [];
    eval(preg_replace('/^<\?php/', '', $text));
    $smtp = $config['smtp.settings'];
    if (!$smtp['smtp_on']) return null;
    $tls = ['ssl' => 'implicit', 'tls' => 'starttls-required', 'standard' => 'starttls'][$smtp['smtp_protocol']];
    return [$smtp['smtp_host'], (int) $smtp['smtp_port'], $tls, $smtp['smtp_username'], $smtp['smtp_password']];
}

function matomo(string $text): ?array {
    $mail = parse_ini_string($text, true, INI_SCANNER_RAW)['mail'];
    if (($mail['transport'] ?? '') !== 'smtp' || !ctype_digit($mail['port'])) return null;
    $tls = ['ssl' => 'implicit', 'tls' => 'starttls-required', 'none' => 'none', '' => 'starttls'][$mail['encryption'] ?? ''];
    return [$mail['host'], (int) $mail['port'], $tls, $mail['username'] ?? '', $mail['password'] ?? ''];
}

$found = [];
foreach (json_decode(stream_get_contents(STDIN), true) as [$kind, $path, $text]) {
    try {
        $found[] = $kind($text);
    } catch (Throwable $error) {
        $found[] = null;
    }
}
echo json_encode($found, JSON_THROW_ON_ERROR), "\n";
