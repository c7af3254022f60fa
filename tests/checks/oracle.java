// What JavaMail makes of .properties files: KIND:PATH ... as arguments; of each host, port, TLS, user and password on a line with tabs between, or
// "-" where it reaches no server. KIND: codenvy, plain (another application's own) or spring. Nothing leaves this process: sockets and TLS
// end in a server in memory.
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Reader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketImpl;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Security;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Properties;
import javax.mail.Authenticator;
import javax.mail.MessagingException;
import javax.mail.PasswordAuthentication;
import javax.mail.Session;
import javax.mail.Transport;
import javax.mail.internet.InternetAddress;
import javax.net.ssl.HandshakeCompletedListener;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

class Oracle {
    static final List<Server> dialled = new ArrayList<>();
    static boolean offers; // STARTTLS
    static boolean breaks; // every handshake

    static class Server {
        String host, tls = "none", user = "", password = "";
        int port, at;
        final StringBuilder said = new StringBuilder("220 mail ESMTP\r\n");
        final ByteArrayOutputStream heard = new ByteArrayOutputStream();

        final InputStream in = new InputStream() {
            @Override public int read() { return at < said.length() ? said.charAt(at++) : -1; }
        };
        final OutputStream out = new OutputStream() {
            @Override public void write(int sign) {
                heard.write(sign);
                if (sign == '\n') {
                    said.append(answer(heard.toString().trim()));
                    heard.reset();
                }
            }
        };

        String answer(String line) {
            if (line.startsWith("EHLO")) return "250-mail\r\n" + (offers && tls.equals("none") ? "250-STARTTLS\r\n" : "") + "250 AUTH PLAIN\r\n";
            if (line.startsWith("STARTTLS")) return "220 go\r\n";
            if (line.startsWith("AUTH PLAIN ")) {
                String[] parts = new String(Base64.getDecoder().decode(line.substring(11))).split("\0", -1);
                user = parts[1];
                password = parts[2];
                return "235 ok\r\n";
            }
            return line.startsWith("QUIT") ? "221 bye\r\n" : "250 ok\r\n";
        }
    }

    static class Wire extends SocketImpl {
        final Server server = new Server();

        @Override protected void create(boolean stream) {}
        @Override protected void connect(String host, int port) { throw new IllegalStateException(); }
        @Override protected void connect(InetAddress host, int port) { throw new IllegalStateException(); }
        @Override protected void connect(SocketAddress where, int timeout) {
            server.host = ((InetSocketAddress) where).getHostString();
            server.port = ((InetSocketAddress) where).getPort();
            dialled.add(server);
        }
        @Override protected void bind(InetAddress host, int port) {}
        @Override protected void listen(int backlog) {}
        @Override protected void accept(SocketImpl other) {}
        @Override protected InputStream getInputStream() { return server.in; }
        @Override protected OutputStream getOutputStream() { return server.out; }
        @Override protected int available() { return 0; }
        @Override protected void close() {}
        @Override protected void sendUrgentData(int data) {}
        @Override public void setOption(int id, Object value) {}
        @Override public Object getOption(int id) { return 0; }
    }

    static class Secure extends SSLSocket {
        final Socket below; // null: its own

        Secure(Socket below) { this.below = below; }

        @Override public void startHandshake() throws IOException {
            Server server = dialled.get(dialled.size() - 1);
            if (breaks) throw new IOException("no TLS here");
            server.tls = server.at == 0 ? "implicit" : "starttls"; // before the greeting, or after a command
        }
        @Override public InputStream getInputStream() throws IOException { return below == null ? super.getInputStream() : below.getInputStream(); }
        @Override public OutputStream getOutputStream() throws IOException { return below == null ? super.getOutputStream() : below.getOutputStream(); }
        @Override public String[] getSupportedCipherSuites() { return new String[0]; }
        @Override public String[] getEnabledCipherSuites() { return new String[0]; }
        @Override public void setEnabledCipherSuites(String[] suites) {}
        @Override public String[] getSupportedProtocols() { return new String[0]; }
        @Override public String[] getEnabledProtocols() { return new String[0]; }
        @Override public void setEnabledProtocols(String[] protocols) {}
        @Override public SSLSession getSession() { return null; }
        @Override public void addHandshakeCompletedListener(HandshakeCompletedListener one) {}
        @Override public void removeHandshakeCompletedListener(HandshakeCompletedListener one) {}
        @Override public void setUseClientMode(boolean mode) {}
        @Override public boolean getUseClientMode() { return true; }
        @Override public void setNeedClientAuth(boolean need) {}
        @Override public boolean getNeedClientAuth() { return false; }
        @Override public void setWantClientAuth(boolean want) {}
        @Override public boolean getWantClientAuth() { return false; }
        @Override public void setEnableSessionCreation(boolean flag) {}
        @Override public boolean getEnableSessionCreation() { return true; }
    }

    public static class Factory extends SSLSocketFactory {
        @Override public Socket createSocket() { return new Secure(null); }
        @Override public Socket createSocket(Socket below, String host, int port, boolean closes) { return new Secure(below); }
        @Override public Socket createSocket(String host, int port) { throw new IllegalStateException(); }
        @Override public Socket createSocket(String host, int port, InetAddress own, int from) { throw new IllegalStateException(); }
        @Override public Socket createSocket(InetAddress host, int port) { throw new IllegalStateException(); }
        @Override public Socket createSocket(InetAddress host, int port, InetAddress own, int from) { throw new IllegalStateException(); }
        @Override public String[] getDefaultCipherSuites() { return new String[0]; }
        @Override public String[] getSupportedCipherSuites() { return new String[0]; }
    }

    static String first(Properties given, String... names) {
        for (String name : names) if (!given.getProperty(name, "").isEmpty()) return given.getProperty(name);
        return null;
    }

    /** The connection as the kind of application makes it; whether it stands. */
    static boolean connects(String kind, Properties given, boolean offering, boolean breaking) throws IOException {
        offers = offering;
        breaks = breaking;
        dialled.clear();
        Properties own = new Properties();
        String before = kind.equals("spring") ? "spring.mail.properties." : "";
        for (String name : given.stringPropertyNames())
            if (name.startsWith(before) && !name.endsWith(".ssl.trust")) own.setProperty(name.substring(before.length()), given.getProperty(name));
        try {
            if (kind.equals("spring")) {
                String port = first(given, "spring.mail.port");
                Session.getInstance(own).getTransport(given.getProperty("spring.mail.protocol", "smtp")).connect(
                    first(given, "spring.mail.host"), port == null ? -1 : Integer.parseInt(port), first(given, "spring.mail.username"), first(given, "spring.mail.password"));
                return true;
            }
            boolean codenvy = kind.equals("codenvy");
            String user = codenvy ? first(own, "mail.smtp.auth.username") : first(own, "mail.smtp.username", "mail.username");
            String password = codenvy ? first(own, "mail.smtp.auth.password")
                : first(own, "mail.smtp.auth.password", "mail.smtps.auth.password", "mail.smtp.password", "mail.smtps.password", "mail.password");
            Session session = Session.getInstance(own, new Authenticator() {
                @Override protected PasswordAuthentication getPasswordAuthentication() {
                    String name = user != null ? user : getDefaultUserName();
                    return name == null || password == null ? null : new PasswordAuthentication(name, password);
                }
            });
            boolean asked = !codenvy && "smtps".equals(own.getProperty("mail.transport.protocol")) && own.containsKey("mail.smtps.host");
            Transport made = asked ? session.getTransport() : session.getTransport(new InternetAddress("someone@example.com"));
            made.connect();
            return true;
        } catch (MessagingException | NumberFormatException refused) {
            return false;
        }
    }

    static String way(String kind, Properties given) throws IOException {
        connects(kind, given, true, false);
        if (dialled.isEmpty()) return "-";
        Server used = dialled.get(0);
        String tls = used.tls;
        if (tls.equals("starttls") && !connects(kind, given, false, false)) tls = "starttls-required";
        if (tls.equals("implicit")) {
            connects(kind, given, true, true);
            if (dialled.size() > 1) tls = "implicit-with-fallback";
        }
        return String.join("\t", used.host, "" + used.port, tls, used.user, used.password);
    }

    public static void main(String[] files) throws IOException {
        Security.setProperty("ssl.SocketFactory.provider", "Oracle$Factory");
        Socket.setSocketImplFactory(Wire::new);
        for (String each : files) {
            Properties given = new Properties();
            try (Reader text = Files.newBufferedReader(Path.of(each.substring(each.indexOf(':') + 1)))) {
                given.load(text);
            }
            System.out.println(way(each.substring(0, each.indexOf(':')), given));
        }
    }
}
